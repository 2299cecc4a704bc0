import GatewayCore
import WebSocketProtocol

/// What the server is told when it starts. Every value has a key in the configuration.
public struct GatewaySettings: Sendable {
    /// What one port serves.
    public enum Service: String, Sendable, CaseIterable {
        /// Everything.
        case http
        /// `/mcp/sse`, `/mcp/push`, `/health`, `/ready`.
        case eventStream = "http_sse"
        /// `/mcp/ws`, `/mcp/ws/websocket`, `/mcp/echo`, `/health`, `/ready`.
        case webSocket = "websocket"
    }

    /// Addresses that all listeners bind.
    public var hosts = ["127.0.0.1", "::1"]
    /// Port of each service; 0 picks a free one.
    public var ports: [Service: Int] = [.http: 4000, .eventStream: 4001, .webSocket: 4002]
    /// Connections that are accepted for each service at the most. For `http` these are plain HTTP connections.
    public var maxConnections: [Service: Int] = [.http: 10_000, .eventStream: 10_000, .webSocket: 10_000]
    /// Event loops; 0 leaves one core to everything else.
    public var eventLoops = 0
    public var backlog = 4096
    /// Time that a client has for one request, its body included.
    public var handshakeTimeout = Instant.Span.seconds(10)
    /// How long an HTTP connection may be idle between two requests.
    public var keepAliveTimeout = Instant.Span.seconds(75)
    /// How long a peer has to close its side once ours is closed, or to answer a close frame.
    public var closeTimeout = Instant.Span.seconds(5)
    /// How long what was sent may stay unacknowledged by the peer's kernel.
    public var tcpUserTimeout = Instant.Span.seconds(75)
    public var tcpNoDelay = true

    public var heartbeatInterval = Instant.Span.seconds(30)
    /// Silence after which an event stream gets a comment.
    public var keepaliveInterval = Instant.Span.seconds(15)
    /// Sent as `retry:`.
    public var retry = Instant.Span.seconds(2)
    /// Whether event streams are compressed for clients that accept gzip.
    public var eventStreamCompression = true
    /// 1 (fast) to 9 (small).
    public var eventStreamCompressionLevel = 6
    /// Bytes of messages that are written to an event stream before others have their turn.
    public var eventStreamChunkSize = 16_384
    /// How long the peer of an event stream may take nothing and acknowledge nothing of what it was sent.
    public var eventStreamKeepAliveTimeout = Instant.Span.seconds(120)

    public var webSocket = WebSocketLimits()
    /// Pings and pongs that a client may send: so many a second, and so many at once.
    public var controlFrames = RateLimit(rate: 100, burst: 100)
    public var maxChannels = 100
    /// Messages that are written to a WebSocket before others have their turn.
    public var webSocketBatchSize = 100
    /// Whether permessage-deflate is offered to clients that ask for it.
    public var webSocketCompression = true
    /// 1 (fast) to 9 (small).
    public var compressionLevel = 1
    /// How many times its size a compressed message may become, and the size up to which that does not count.
    public var maxInflateRatio = 200
    public var inflateRatioFrom = 65_536
    public var pingInterval = Instant.Span.seconds(30)
    public var pongTimeout = Instant.Span.seconds(10)
    public var idleTimeout = Instant.Span.seconds(75)

    public var session = SessionLimits()
    public var maxSessions = 200_000
    public var rateLimit = RateLimit(rate: 100, burst: 100)
    public var maxConnectionsPerAddress = 100
    /// Origins that browsers may connect from, beside the gateway's own.
    public var allowedOrigins: [String] = []
    public var maxJSONDepth = 64
    public var routes = [Route(pattern: "echo", handler: .echo), Route(pattern: "*", handler: .events)]
    /// How long a sender's message id is remembered, and how many ids are.
    public var idempotencyWindow = Instant.Span.seconds(300)
    public var maxRememberedIDs = 100_000
    /// Operations that wait for back ends.
    public var maxOperations = 10_000
    public var maxOperationBytes = 64 << 20
    public var maxOperationAge = Instant.Span.seconds(3600)
    /// The name under which clients reach the gateway, when it differs from its address.
    public var publicHost: String?
    public var nodeID = "node"
    /// Turns on `/mcp/echo` and `debug` events.
    public var debug = false
    public var logConnections = false

    public init() {}
}

/// Where a client's message goes by its type (contract §10).
public struct Route: Equatable, Sendable {
    public enum Handler: Equatable, Sendable {
        /// Back to the sender as a `message`.
        case echo
        /// To the subscribers of a topic.
        case topic(String)
        /// Into the log of operations, for back ends that listen on `/mcp/events`.
        case events
    }

    /// `*`, an exact type, or a beginning followed by `*`.
    public let pattern: String
    public let handler: Handler

    public init(pattern: String, handler: Handler) {
        self.pattern = pattern
        self.handler = handler
    }

    /// Whether messages of `type` take this route.
    public func matches(_ type: String) -> Bool {
        pattern.last == "*" ? type.hasPrefix(pattern.dropLast()) : type == pattern
    }
}
