import GatewayCore
public import GatewayViability
import WebSocketProtocol

/// What the server is told when it starts. Every value has a key in the configuration.
public struct GatewaySettings: Sendable {
    /// What one port serves.
    public enum Service: String, Sendable, CaseIterable {
        /// Everything.
        case http
        /// `/mcp/sse`, `/mcp/push`, `/health`, `/ready`.
        case eventStream = "http_sse"
        /// `/mcp/ws`, `/mcp/ws/websocket`, `/mcp/ws/longpoll`, `/mcp/echo`, `/health`, `/ready`.
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
    /// Whether small writes of WebSockets leave at once. Event streams and answers always do.
    public var tcpNoDelay = true
    /// The listeners that encrypt.
    public var tls: [Service: TLSSettings] = [:]
    /// How often the files of certificates are looked at.
    public var tlsReloadInterval = Instant.Span.seconds(10)
    public var http2 = HTTP2Limits()
    /// Streams, sockets and TLS connections that may begin each second; 0 is no limit.
    public var handshakeRate = 0.0
    public var handshakeBurst = 100
    /// How long one may wait for its turn.
    public var handshakeDelay = Instant.Span.seconds(5)
    /// Proxies whose word counts on where a client comes from.
    public var trustedProxies: [IPAddressRange] = []
    /// Whether they begin each connection with the PROXY protocol.
    public var proxyProtocol = false
    /// Whether requests that came unencrypted are sent to https.
    public var forceSSL = false

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
    /// Bytes for all connections that compress with what they were sent before; 0 is none.
    public var compressionContextMemory = 0
    /// How many times its size a compressed message may become, and the size up to which that does not count.
    public var maxInflateRatio = 200
    public var inflateRatioFrom = 65_536
    public var pingInterval = Instant.Span.seconds(30)
    public var pongTimeout = Instant.Span.seconds(10)
    public var idleTimeout = Instant.Span.seconds(75)

    public var longPoll = LongPollSettings()
    /// Shared by all nodes: what they sign with it, each of them trusts. Without one a node trusts only itself.
    public var secretKeyBase: String?
    /// Whose tokens are taken; `nil`: nobody has to prove anything.
    public var authentication: AuthenticationSettings?
    /// What administrators prove themselves with; `nil` closes their paths to all but tokens that say so.
    public var adminToken: String?

    public var session = SessionLimits()
    /// Policies that a connection may ask for.
    public var slowConsumerPolicies = Set(SlowConsumerPolicy.allCases)
    public var maxSessions = 200_000
    public var rateLimit = RateLimit(rate: 100, burst: 100)
    public var maxConnectionsPerAddress = 100
    public var protection = ProtectionSettings()
    public var validation = ValidationSettings()
    /// What messages are encrypted with, for clients that want it; `nil` offers no encryption.
    public var encryption: MessageEncryption?
    /// Origins that browsers may connect from, beside the gateway's own.
    public var allowedOrigins: [String] = []
    /// What pages of other origins are told that they may send.
    public var preflight = PreflightPolicy()
    public var maxJSONDepth = 64
    public var routes = [Route(pattern: "echo", handler: .echo), Route(pattern: "*", handler: .events)]
    /// How long a sender's message id is remembered, and how many ids are.
    /// Topics whose last message is kept for later subscribers, and the bounds of that.
    public var retainedTopics: [String] = []
    public var maxRetainedTopics = 10_000
    public var maxRetainedBytes = 64 << 20
    /// Bytes that the process is to do with; 0 is three quarters of what the machine or the container has.
    public var memoryBudget = 0
    /// How the memory is measured; `nil` asks the system. Tests say what they like.
    var memoryMeasure: (@Sendable (_ enough: Int) -> Int)?
    /// Topics whose members see each other, and the bounds of that.
    public var presence = Presence()
    /// Bounds for clients that number their messages.
    public var sequencer = SequencerLimits()
    public var idempotencyWindow = Instant.Span.seconds(300)
    public var maxRememberedIDs = 100_000
    /// Operations that wait for back ends.
    public var maxOperations = 10_000
    public var maxOperationBytes = 64 << 20
    public var maxOperationAge = Instant.Span.seconds(3600)
    public var storage = StorageSettings()
    /// How long after the loss of its better transport a client goes back to it at the earliest.
    public var damping = DampingLimits()
    /// Clients of the node that may go back to a better transport in one second.
    public var returnRate = RateLimit(rate: 1000, burst: 1000)
    /// How long a pong may be missing at least before another transport takes over.
    public var probeTimeout = Instant.Span.milliseconds(400)
    /// Whether the node watches itself, and how.
    public var isViabilityOn = true
    public var viability = ViabilitySettings()
    /// Whom to ask before clients connect and join, and whom to tell that they have gone.
    public var hooks = LifecycleHooks()
    /// What operators see, and how often.
    public var operations = Operations()
    /// The name under which clients reach the gateway, when it differs from its address.
    public var publicHost: String?
    public var nodeID = "node"
    /// Turns on `/mcp/echo` and `debug` events.
    public var debug = false
    public var drain = DrainSettings()
    /// Sockets that listen already, by what they are for: whoever started the gateway has opened them.
    public var inheritedSockets: [Service: [CInt]] = [:]
    public var logConnections = false
    /// A line for each message that is accepted, and for each that is written to a connection.
    public var logMessages = false
    /// A line that says where each message went, and why.
    public var traceRouting = false
    /// Where spans go; `nil` if nothing is traced.
    public var tracing: SpanRecorder?

    public init() {}
}

extension GatewaySettings {
    /// Topics whose members see each other.
    public struct Presence: Sendable {
        /// Names of topics, or beginnings followed by `*`.
        public var topics: [String] = []
        /// Connections that are listed on one topic; whoever comes beyond is not.
        public var maxMembers = 1000
        /// How long joins and leaves gather before they are told.
        public var interval = Instant.Span.milliseconds(100)

        public init() {}
    }
}

/// How durable messages are put into the store.
public struct StorageSettings: Sendable {
    /// Messages in one commit at the most.
    public var batchSize = 1024
    /// How long a commit waits for more messages; nothing by default, because a batch gathers behind the one before.
    public var batchDelay = Instant.Span.milliseconds(0)
    /// Bytes that may wait to be stored.
    public var queueBytes = 64 << 20
    /// After a failure: how long until writing is tried again.
    public var retryInterval = Instant.Span.seconds(1)
    /// Time between two rounds of housekeeping.
    public var maintenanceInterval = Instant.Span.seconds(5)

    public init() {}
}

extension GatewaySettings {
    /// Whether the operator wants a topic to keep its last message.
    func keepsLastMessage(of topic: String?) -> Bool {
        guard let topic, !retainedTopics.isEmpty else { return false }
        return retainedTopics.contains { $0.last == "*" ? topic.hasPrefix($0.dropLast()) : topic == $0 }
    }
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
        /// To whoever answers it, such as a webhook.
        case handler(MessageHandler)
    }

    /// `*`, an exact type, or a beginning followed by `*`.
    public let pattern: String
    public let handler: Handler
    /// What types begin with, where the pattern ends in a star.
    private let beginning: [UInt8]?

    public init(pattern: String, handler: Handler) {
        self.pattern = pattern
        beginning = pattern.utf8.last == UInt8(ascii: "*") ? Array(pattern.utf8.dropLast()) : nil
        self.handler = handler
    }

    /// Whether messages of `type` take this route.
    public func matches(_ type: String) -> Bool {
        guard let beginning else { return type == pattern }
        guard type.utf8.count >= beginning.count else { return false }
        // Byte for byte: `hasPrefix` looks at characters, which takes a hundred times as long.
        return type.utf8.withContiguousStorageIfAvailable { bytes in
            beginning.indices.allSatisfy { bytes[$0] == beginning[$0] }
        } ?? type.utf8.starts(with: beginning)
    }
}

extension GatewaySettings {
    /// What operators see, and how often.
    public struct Operations: Sendable {
        /// How often what is live on the dashboard is brought up to date.
        public var interval = Instant.Span.seconds(1)
        /// How long a client is traced unless somebody says otherwise.
        public var traceTime = Instant.Span.seconds(300)
        /// Clients that are traced at a time, and events that are kept of each.
        public var maxTraces = 100
        public var maxTraceEvents = 1000

        public init() {}
    }
}
