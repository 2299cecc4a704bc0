/// Code that reads what strangers send. Each target takes any bytes and stops the process if a promise is broken: by a
/// trap of its own, or because an invariant that is checked here does not hold.
public enum FuzzTarget: String, CaseIterable, Sendable {
    case frames
    case inflate
    case utf8
    case phoenixV1 = "phoenix_v1"
    case phoenixV2 = "phoenix_v2"
    case phoenixBinary = "phoenix_binary"
    case resumePoint = "resume_point"
    case eventStream = "event_stream"
    case json
    case requestTarget = "request_target"
    case publishRequest = "publish_request"
    case longPollBody = "longpoll_body"
    case longPollToken = "longpoll_token"
    case proxyHeader = "proxy_header"
    case forwarded
    case rpcMessage = "rpc_message"

    /// Gives one input to the target.
    public func run(_ input: UnsafeRawBufferPointer) {
        switch self {
        case .frames: fuzzFrames(input)
        case .inflate: fuzzInflate(input)
        case .utf8: fuzzUTF8(input)
        case .phoenixV1: fuzzPhoenixText(input, .v1)
        case .phoenixV2: fuzzPhoenixText(input, .v2)
        case .phoenixBinary: fuzzPhoenixBinary(input)
        case .resumePoint: fuzzResumePoint(input)
        case .eventStream: fuzzEventStream(input)
        case .json: fuzzJSON(input)
        case .requestTarget: fuzzRequestTarget(input)
        case .publishRequest: fuzzPublishRequest(input)
        case .longPollBody: fuzzLongPollBody(input)
        case .longPollToken: fuzzLongPollToken(input)
        case .proxyHeader: fuzzProxyHeader(input)
        case .forwarded: fuzzForwarded(input)
        case .rpcMessage: fuzzRPCMessage(input)
        }
    }
}

/// An invariant. Checked in optimised builds too.
@inline(__always)
func check(_ holds: Bool, _ what: StaticString) {
    precondition(holds, "\(what)")
}

extension UnsafeRawBufferPointer {
    /// Everything from `start` on.
    func from(_ start: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[Swift.min(start, count)...])
    }

    /// The bytes cut into pieces whose lengths depend on `seed`.
    func pieces(_ seed: UInt8) -> [UnsafeRawBufferPointer] {
        var state = UInt32(seed) &* 2_654_435_761 | 1
        var start = 0
        var pieces: [UnsafeRawBufferPointer] = []
        while start < count {
            state = state &* 1_664_525 &+ 1_013_904_223
            let end = Swift.min(count, start + 1 + Int(state >> 24) % (seed < 64 ? 4 : 200))
            pieces.append(UnsafeRawBufferPointer(rebasing: self[start..<end]))
            start = end
        }
        return pieces
    }

    /// One byte after the other.
    var octets: [UnsafeRawBufferPointer] { indices.map { UnsafeRawBufferPointer(rebasing: self[$0...$0]) } }
}
