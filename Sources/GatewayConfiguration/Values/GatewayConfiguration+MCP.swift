extension GatewayConfiguration {
    /// The Model Context Protocol: one address in front of many servers.
    public struct MCP: Sendable, Equatable {
        /// When a tool or prompt carries the name of its server: `server__tool`.
        public enum Prefix: String, Sendable, CaseIterable { case always, collision, never }

        /// Whether the demonstration server is among the servers.
        public var demo = true
        /// When a tool or prompt carries the name of its server.
        public var prefix: Prefix = .collision
        /// Addresses that show a part of what there is.
        public var virtualServers: [VirtualServer] = []
        /// Sessions at a time.
        public var maxSessions = 10_000
        /// How long a session without streams and calls is kept.
        public var sessionIdleTimeout: Duration = .seconds(1800)
        /// Events kept for each session, so that a broken stream can be resumed.
        public var logMessages = 1000
        /// Bytes of those events.
        public var logBytes = 1 << 20
        /// Bytes that may wait on one stream before it is cut.
        public var maxUnsentBytes = 1 << 20
        /// Calls that one session may have open.
        public var maxCalls = 100
        /// Tasks of servers that one session is known to have.
        public var maxTasks = 1000
        /// Resources that one session may have subscribed to.
        public var maxSubscriptions = 1000
        /// How long a call may be silent.
        public var callTimeout: Duration = .seconds(120)
        /// The longest that a call may take.
        public var maxCallTime: Duration = .seconds(1800)
        /// How long a call waits for what its client is asked.
        public var inputTimeout: Duration = .seconds(300)
        /// How long a server has to answer a list.
        public var listTimeout: Duration = .seconds(10)
        /// How long a server has to begin a session.
        public var startTimeout: Duration = .seconds(30)
        /// When an answer that is not there yet becomes a stream.
        public var streamAfter: Duration = .seconds(15)
        /// Silence after which a stream gets a comment.
        public var keepaliveInterval: Duration = .seconds(15)
        /// The largest message of a server.
        public var maxResultBytes = 64 << 20
        /// Tools of each server whose latency the metrics tell apart.
        public var toolMetrics = 100
        /// A PEM file of certificate authorities that are trusted beside the system's.
        public var certificateAuthorities: String?
        /// How long a connection to a server may take to come about.
        public var connectTimeout: Duration = .seconds(5)
        /// Calls that may be repeated, as a share of all calls.
        public var retryRatio = 0.2
        /// Calls that may be repeated in ten seconds in any case.
        public var retryReserve = 10
        /// Pages that are asked of one server for one list.
        public var maxListPages = 100
        /// Child processes of all stdio servers together.
        public var maxProcesses = 200
        /// How long a program without calls and subscriptions is kept; zero is for ever.
        public var processIdleTimeout: Duration = .seconds(1800)

        /// The defaults.
        public init() {}
    }

    /// Some of the servers, and of what they have, under an address of its own.
    public struct VirtualServer: Sendable, Equatable {
        /// What stands behind `/mcp/servers/`.
        public var name: String
        /// The servers that it shows; all of them if there are none.
        public var servers: [String]
        /// Patterns of the names and URIs that it shows; everything if there are none.
        public var allow: [String]
        /// Patterns of what it does not show.
        public var deny: [String]
        /// Other names for tools and prompts.
        public var rename: [String: String]

        /// A virtual server.
        public init(
            name: String, servers: [String] = [], allow: [String] = [], deny: [String] = [],
            rename: [String: String] = [:]
        ) {
            self.name = name
            self.servers = servers
            self.allow = allow
            self.deny = deny
            self.rename = rename
        }
    }

    /// A server behind the gateway, as desktop MCP clients write it.
    public struct MCPServer: Sendable, Equatable {
        /// How it is reached.
        public enum Target: Sendable, Equatable {
            /// A program that speaks on its standard input and output.
            case command(String, arguments: [String], environment: [String: String], directory: String?)
            /// HTTP: one address, or several of which each does all of the work.
            case url([Replica], headers: [String: String])
        }

        /// What it is called in names of tools, logs and figures.
        public var name: String
        /// How it is reached.
        public var target: Target
        /// Whether all clients may share one session with it.
        public var isStateless: Bool
        /// Whether it has the older transport, an event stream beside POST.
        public var isEventStream = false
        /// Its own `pool.size` and `pool.overflow`.
        public var poolSize: Int?
        public var poolOverflow: Int?
        /// Its own `adaptive_limits.enabled`.
        public var isLimited: Bool?

        /// One of several addresses.
        public struct Replica: Sendable, Equatable {
            public var url: String
            /// Its share of the clients in relation to the others'.
            public var weight: Double

            /// An address.
            public init(url: String, weight: Double = 1) {
                self.url = url
                self.weight = weight
            }
        }

        /// A server.
        public init(name: String, target: Target, isStateless: Bool = false) {
            self.name = name
            self.target = target
            self.isStateless = isStateless
        }
    }

    /// Connections of one event loop to one address of an MCP server.
    public struct Pool: Sendable, Equatable {
        /// Which of several free connections is used next.
        public enum Strategy: String, Sendable, CaseIterable { case fifo, lifo }

        /// How many are kept.
        public var size = 100
        /// How many more may be open while requests wait.
        public var overflow = 50
        /// The one that came back last, or the one that has been free for longest.
        public var strategy: Strategy = .lifo
        /// How long a request waits for one.
        public var checkoutTimeout: Duration = .seconds(5)
        /// How many requests may wait; `nil` is any number.
        public var queue: Int?
        /// How long a free one is kept.
        public var idleTimeout: Duration = .seconds(30)
        /// How many there may be of all servers and event loops together.
        public var maxConnections = 4096

        /// The defaults.
        public init() {}
    }

    /// How many calls of a server or webhook may be under way, learned from how long they take.
    public struct AdaptiveLimits: Sendable, Equatable {
        /// Whether servers and webhooks that say nothing of it have such a limit.
        public var enabled = false
        /// Where it begins.
        public var initial = 32
        /// It is never less and never more.
        public var minimum = 4
        public var maximum = 1_000
        /// So much longer than without load is no congestion.
        public var slack: Duration = .milliseconds(20)
        /// How many calls wait for their turn; of webhooks, `webhooks.queue`.
        public var queue = 1_000

        /// The defaults.
        public init() {}
    }
}
