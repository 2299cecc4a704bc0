import Synchronization

/// Why something was refused, as the metric `mcp_gateway_refused_total` tells it.
enum Refusal: String, CaseIterable, Sendable {
    case addressBlocked = "address_blocked"
    case clientBlocked = "client_blocked"
    case suspiciousBehavior = "suspicious_behavior"
    case connectionsPerAddress = "connections_per_address"
    case addressRate = "address_rate"
    case clientRate = "client_rate"
    case nodeRate = "node_rate"
    case byteRate = "byte_rate"
    case joinRate = "join_rate"
    case loginRate = "login_rate"
    case eventRate = "event_rate"
    /// Pings and pongs.
    case controlFrames = "control_frames"
    /// What is no HTTP, or could be read in two ways.
    case malformedRequest = "malformed_request"
    case headersTooLarge = "headers_too_large"
    case messageTooLarge = "message_too_large"
    /// A request that did not come to its end.
    case requestTimeout = "request_timeout"
    /// A path that leads out of where it begins.
    case pathTraversal = "path_traversal"
    case origin
    case host
    /// What is no WebSocket frame, or too many fragments.
    case websocketProtocol = "websocket_protocol"
    /// What becomes too large, or too many times its size.
    case inflation
    /// What is no Phoenix frame; JSON that is none, or too deep.
    case malformedFrame = "malformed_frame"
    /// A body that is not the JSON it must be.
    case malformedMessage = "malformed_message"
    /// Data that are not what the schema of their type wants.
    case schema
    /// What is not encrypted with this client's key for this place, or has come before.
    case decryption

    fileprivate var index: Int { Self.indices[self]! }

    private static let indices = Dictionary(uniqueKeysWithValues: allCases.enumerated().map { ($1, $0) })
}

/// Counts refusals. Those who are refused are not on the hot path.
final class RefusalCounters: Sendable {
    private let counts = Mutex([Int](repeating: 0, count: Refusal.allCases.count))

    func count(_ refusal: Refusal) {
        let index = refusal.index
        counts.withLock { $0[index] += 1 }
    }

    func write(to text: inout MetricsText) {
        let all = counts.withLock { $0 }
        text.begin("mcp_gateway_refused_total", .counter, "What was refused, by the reason.")
        for refusal in Refusal.allCases { text.add(all[refusal.index], ["reason": refusal.rawValue]) }
    }
}
