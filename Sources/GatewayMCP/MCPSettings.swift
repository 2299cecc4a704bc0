public import GatewayCore
public import GatewayServer
public import ModelContextProtocol
import NIOSSL

/// What the MCP side is told when it starts. Every value has a key in the configuration.
public struct MCPSettings: Sendable {
    /// A server behind the gateway.
    public struct Server: Sendable, Equatable {
        /// How it is reached.
        public enum Target: Sendable, Equatable {
            /// A program that speaks on its standard input and output.
            case command(String, arguments: [String], environment: [String: String], directory: String?)
            /// HTTP: one address, or several of which each does all of the work.
            case url([Replica], headers: [String: String])
            /// The demonstration that is built in.
            case demo
        }

        /// One of several addresses.
        public struct Replica: Sendable, Equatable {
            public let url: String
            /// Its share of the clients in relation to the others'.
            public let weight: Double

            public init(url: String, weight: Double = 1) {
                self.url = url
                self.weight = weight
            }
        }

        public let name: String
        public let target: Target
        /// Whether its sessions hold nothing of a client's, so that all clients may share one.
        public let isStateless: Bool
        /// Whether it has the transport of 2024-11-05. Others are tried first where this is not said.
        public let isEventStream: Bool
        /// Connections to each address, where they differ from the other servers'.
        public let pool: LeasePool.Limits?
        /// Whether its limit of calls is learned, where that differs from the other servers'.
        public let isLimited: Bool?

        public init(
            name: String, target: Target, isStateless: Bool = false, isEventStream: Bool = false,
            pool: LeasePool.Limits? = nil, isLimited: Bool? = nil
        ) {
            self.name = name
            self.target = target
            self.isStateless = isStateless
            self.isEventStream = isEventStream
            self.pool = pool
            self.isLimited = isLimited
        }
    }

    /// Limits of calls that are learned from how long they take.
    public struct AdaptiveLimits: Sendable, Equatable {
        /// Whether servers that say nothing of it have one.
        public var isEnabled = false
        public var limits = AdaptiveLimit.Limits()
        /// How many calls of one server wait for their turn.
        public var queue = 1_000

        public init() {}
    }

    public var adaptiveLimits = AdaptiveLimits()
    public var servers: [Server] = [Server(name: "demo", target: .demo)]
    public var prefix = ExposedNames.Prefix.collision
    /// Addresses that show a part of what there is.
    public var virtualServers: [VirtualServer] = []
    public var maxSessions = 10_000
    /// How long a session without streams and calls is kept.
    public var sessionIdleTimeout = Instant.Span.seconds(1800)
    /// Events that are kept for each session, so that a broken stream can be resumed.
    public var logMessages = 1000
    public var logBytes = 1 << 20
    /// Bytes that may wait on one stream before it is cut.
    public var maxUnsentBytes = 1 << 20
    /// Calls that one session may have open.
    public var maxCalls = 100
    /// Tasks of servers that one session is known to have.
    public var maxTasks = 1000
    /// Resources that one session may have subscribed to.
    public var maxSubscriptions = 1000
    /// How long a call waits for what its client is asked.
    public var inputTimeout = Instant.Span.seconds(300)
    /// A call that shows no sign of life for so long is given up.
    public var callTimeout = Instant.Span.seconds(120)
    /// The longest that a call may take, whatever its progress says.
    public var maxCallTime = Instant.Span.seconds(1800)
    /// How long a server has to answer a list.
    public var listTimeout = Instant.Span.seconds(10)
    /// How long a server has to begin a session.
    public var startTimeout = Instant.Span.seconds(30)
    /// An answer that takes longer becomes a stream.
    public var streamAfter = Instant.Span.seconds(15)
    /// Silence after which a stream gets a comment.
    public var keepaliveInterval = Instant.Span.seconds(15)
    /// The largest message of a server.
    public var maxResultBytes = 64 << 20
    /// Tools of each server whose latency is told apart.
    public var maxToolMetrics = 100
    /// Connections of one event loop to one address.
    public var pool = LeasePool.Limits(strategy: .lifo, idleTimeout: .seconds(30))
    /// Connections of the pools of all servers and event loops together.
    public var maxPoolConnections = 4096
    /// How long a connection may take to come about.
    public var connectTimeout = Instant.Span.seconds(5)
    /// How replicas are chosen and judged.
    public var replicas = ReplicaSet.Limits()
    /// How often replicas in use are asked whether they live.
    public var healthCheckInterval = Instant.Span.seconds(10)
    /// A PEM file of certificate authorities that are trusted beside the system's.
    public var certificateAuthorities: String?
    /// Where spans go; `nil` if nothing is traced.
    public var tracing: SpanRecorder?
    /// Pages that are asked of one server for one list.
    public var maxListPages = 100
    public var maxJSONDepth = 64
    /// Children that all stdio servers may have together.
    public var maxProcesses = 200
    /// A program without calls and subscriptions for so long is stopped; `nil`: never.
    public var processIdleTimeout: Instant.Span? = .seconds(1800)
    /// What `serverInfo` says.
    public var version = ""

    public init() {}

    func clientTLS() -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let certificateAuthorities { tls.additionalTrustRoots = [.file(certificateAuthorities)] }
        return tls
    }
}
