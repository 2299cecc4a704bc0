/// Everything a node can be told, typed and complete: a value exists only when it has passed every check.
///
/// `init()` gives the defaults, which are a working development gateway on loopback. `load(_:)` merges a YAML file,
/// the environment and flags over them. Names and meanings of the keys stand in the setting table
/// (`Table/SettingTable+Gateway.swift`); a setting exists once there and once here, and nowhere else.
public struct GatewayConfiguration: Sendable, Equatable {
    /// Addresses, event loops and what a new connection may cost before it has said who it is.
    public var listen = Listen()
    /// What is spoken on each of the three ports.
    public var transports = Transports()
    /// Encryption.
    public var tls = TLS()
    /// Bounds of HTTP/2 connections.
    public var http2 = HTTP2()
    /// Bounds of what is kept for each client.
    public var session = Session()
    /// How long ids of messages are remembered.
    public var idempotency = Idempotency()
    /// Topics that keep their last message.
    public var retain = Retain()
    /// What the process is to do with.
    public var memory = Memory()
    /// How the node watches itself, when resources are called short, and by what it lives when there is too much to do.
    public var viability = Viability()
    public var capacityAlerts = CapacityAlerts()
    public var policy = Policy()
    /// Topics whose members see each other.
    public var presence = Presence()
    /// Bounds for clients that number their messages.
    public var sequencer = Sequencer()
    /// Bounds of what waits for back ends.
    public var operations = Operations()
    /// Where messages that must survive are kept.
    public var storage = Storage()
    /// How fast a client may send.
    public var rateLimiting = RateLimiting()
    /// Who may connect, and how often.
    public var security = Security()
    /// Which browser pages may use the gateway.
    public var cors = CORS()
    /// Bounds of JSON input.
    public var json = JSON()
    /// What a client's data may be beyond being JSON.
    public var validation = Validation()
    /// What becomes of a client's message that names no recipient; the first match decides.
    public var routes: [Route] = [
        Route(type: .exact("echo"), handler: .echo), Route(type: .any, handler: .events),
    ]
    /// Back ends that are asked, told and given messages by HTTP.
    public var webhooks = Webhooks()
    /// When what keeps failing is not called for a while.
    public var circuitBreaker = CircuitBreaker()
    /// How clients change between their transports, and how they are spread over replicas of MCP servers.
    public var routing = Routing()
    /// MCP servers behind the gateway, in the order of the configuration.
    public var mcpServers: [MCPServer] = []
    /// Bounds of the MCP side.
    public var mcp = MCP()
    /// Connections to MCP servers.
    public var pool = Pool()
    /// Limits of calls that are learned.
    public var adaptiveLimits = AdaptiveLimits()
    /// What this node is called among others.
    public var cluster = Cluster()
    /// What is written to the log, and how.
    public var log = Log()
    /// The live page.
    public var dashboard = Dashboard()
    /// Tracing single clients.
    public var trace = Trace()
    /// Developer aids: the path `/mcp/echo` and `debug` events without an admin token.
    public var debug = false
    /// One log line for each connection that opens or closes.
    public var logConnections = false
    /// One log line for each message that is accepted or delivered.
    public var logMessages = false
    /// One log line that says where each message went.
    public var traceRouting = false
    /// Spans of messages and calls.
    public var tracing = Tracing()
    /// How the node takes leave of its clients.
    public var drain = Drain()
    /// Production mode: what is merely convenient in development is refused.
    public var production = false

    /// The defaults, with the name of this host as the node's name.
    public init() {}

    /// Merges the sources over the defaults: file, then environment, then flags.
    ///
    /// - Throws: every problem that was found, not only the first.
    public static func load(_ sources: ConfigurationSources) throws(ConfigurationError) -> LoadedConfiguration {
        try ConfigurationMerge.load(sources, table: .gateway)
    }
}

extension GatewayConfiguration {
    /// Where the gateway listens.
    public struct Listen: Sendable, Equatable {
        /// Addresses that every port is opened on.
        public var hosts = ["127.0.0.1", "::1"]
        /// The name under which clients reach the gateway, when it differs.
        public var publicHost: String?
        /// Threads that carry connections; 0 leaves one core to everything else.
        public var eventLoops = 0
        /// Connections that may wait to be accepted.
        public var backlog = 4096
        /// Time in which a connection must have sent its request.
        public var handshakeTimeout: Duration = .seconds(10)

        /// How long an HTTP connection may be idle between two requests.
        public var keepAliveTimeout: Duration = .seconds(75)

        /// How long a peer has to close its side once ours is closed.
        public var closeTimeout: Duration = .seconds(5)

        /// How long what was sent may stay unacknowledged by the peer's kernel.
        public var tcpUserTimeout: Duration = .seconds(75)
        /// Streams, sockets and TLS connections that may begin each second; 0 is no limit.
        public var handshakeRate = 0.0
        /// How many of them may begin at once.
        public var handshakeBurst = 100
        /// How long one may wait for its turn.
        public var handshakeDelay: Duration = .seconds(5)
        /// Addresses and networks of proxies, in their text form.
        public var trustedProxies: [String] = []
        /// Whether those proxies begin each connection with the PROXY protocol.
        public var proxyProtocol = false
        /// Whether requests that came unencrypted are sent to https.
        public var forceSSL = false

        /// The defaults.
        public init() {}

        /// Whether no address of `hosts` can be reached from another machine.
        public var isLoopbackOnly: Bool { hosts.allSatisfy(HostAddress.isLoopback) }
    }

    /// Where messages that must survive are kept.
    public struct Storage: Sendable, Equatable {
        /// A way of keeping messages.
        public enum Engine: String, Sendable, CaseIterable {
            /// In this process; gone when it ends.
            case memory
            /// In one SQLite file.
            case sqlite
        }

        /// What a commit waits for.
        public enum Synchronous: String, Sendable, CaseIterable {
            /// Nothing beyond the kernel: survives the end of the process.
            case normal
            /// The disk: survives the loss of power too.
            case full
        }

        /// What to do with a damaged file.
        public enum DamagePolicy: String, Sendable, CaseIterable {
            /// Rename it and begin a new one.
            case setAside = "set_aside"
            /// Do not start.
            case refuse
        }

        /// The way in use.
        public var engine: Engine = .sqlite
        /// The SQLite file.
        public var path = "data/gateway.db"
        /// What a commit waits for.
        public var synchronous: Synchronous = .normal
        /// What to do with a damaged file.
        public var onDamage: DamagePolicy = .setAside
        /// Messages in one commit.
        public var batchSize = 1024
        /// How long a commit waits for more messages.
        public var batchDelay: Duration = .zero
        /// Bytes that may wait to be stored.
        public var queueBytes = 64 << 20
        /// How long a commit waits for a file that another process holds.
        public var lockTimeout: Duration = .seconds(1)
        /// Bytes that are kept free beside the file, for deleting on a full disk.
        public var reserveBytes = 1 << 20
        /// After a failure: how long until writing is tried again.
        public var retryInterval: Duration = .seconds(1)
        /// Time between two rounds of housekeeping.
        public var maintenanceInterval: Duration = .seconds(5)

        /// The defaults.
        public init() {}
    }

    /// How fast a client may send.
    public struct RateLimiting: Sendable, Equatable {
        /// Messages that a client may send at once.
        public var defaultLimit = 100
        /// Messages per second that come back to it.
        public var refillRate = 100.0
        /// What is charged beside a client's messages.
        public var more = MoreLimits()

        /// The defaults.
        public init() {}
    }

    /// Who may connect, and how often.
    public struct Security: Sendable, Equatable {
        /// Connections from one address; loopback does not count.
        public var maxConnectionsPerIP = 100
        /// Whose tokens are taken.
        public var authentication = Authentication()
        /// The secret that all nodes share, which tokens are checked with.
        public var secretKeyBase: String?
        /// What messages are encrypted with, for clients that want it: `ID:` and 32 bytes in base64.
        public var encryptionKeys: [String] = []
        /// What admin paths want to see; `nil` closes them.
        public var adminToken: String?
        /// Whether a gateway without authentication may be reached from other machines.
        public var allowAnonymous = false
        /// Who is held off for what was seen of them, and the lists of those who are not.
        public var access = Access()

        /// The defaults.
        public init() {}
    }

    /// Which browser pages may use the gateway.
    public struct CORS: Sendable, Equatable {
        /// Origins in the form in which browsers send them: lower case, no default port, no trailing slash.
        public var origins: [String] = []
        /// Methods that preflights are told of.
        public var methods = ["GET", "POST", "DELETE"]
        /// Header fields that pages may send; one that ends with `*` stands for all that begin so.
        public var headers = [
            "Authorization", "Accept", "Content-Type", "X-Client-ID", "Last-Event-ID", "traceparent", "Mcp-*",
            "X-Phoenix-Longpoll-Token", "X-Phoenix-AuthToken",
        ]
        /// How many seconds browsers remember a preflight's answer.
        public var maxAge = 86_400

        /// The defaults.
        public init() {}
    }

    /// Bounds of JSON input.
    public struct JSON: Sendable, Equatable {
        /// How deep objects and arrays may be nested.
        public var maxDepth = 64

        /// The defaults.
        public init() {}
    }

    /// What this node is called among others.
    public struct Cluster: Sendable, Equatable {
        /// 1–64 characters of `A–Z a–z 0–9 . _ -`.
        public var nodeID: String

        /// - Parameter nodeID: The host's name unless given.
        public init(nodeID: String = HostName.current) { self.nodeID = nodeID }
    }

    /// What is written to the log, and how.
    public struct Log: Sendable, Equatable {
        /// How much is written; each level contains those after it.
        public enum Level: String, Sendable, CaseIterable { case trace, debug, info, notice, warning, error }
        /// The form of a line.
        public enum Format: String, Sendable, CaseIterable {
            /// `text` on a terminal, else `json`.
            case auto
            /// For people.
            case text
            /// One object a line.
            case json
        }

        /// How much is written.
        public var level: Level = .info
        /// The form of a line.
        public var format: Format = .auto

        /// The defaults.
        public init() {}
    }
}
