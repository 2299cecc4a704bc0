/// What a load test does.
public struct LoadPlan: Sendable {
    /// How the connections talk.
    public enum Dialect: String, Sendable, CaseIterable {
        /// Phoenix Channels over WebSocket: a push, and the reply to it.
        case phoenix
        /// Server-Sent Events: a message is published to a topic that every stream has.
        case sse
        /// A WebSocket that sends every message back.
        case echo
        /// MCP over Streamable HTTP: `tools/call`.
        case mcp
    }

    /// Where the server is.
    public struct Place: Sendable {
        public var isSecure: Bool
        public var host: String
        public var port: Int
        /// Host and port as the header has them.
        public var authority: String
        /// Path and query; `{n}` becomes the connection's number.
        public var path: String

        public init(isSecure: Bool, host: String, port: Int, authority: String, path: String) {
            self.isSecure = isSecure
            self.host = host
            self.port = port
            self.authority = authority
            self.path = path
        }
    }

    public var dialect: Dialect
    public var place: Place
    /// Where messages are published that all connections receive, instead of sending any; `nil`: nowhere.
    public var publishing: Place?
    /// Certificates that a server's may be signed by, instead of the system's.
    public var authorities: String?
    public var token: String?
    public var connections = 100
    /// Seconds in which the connections are opened.
    public var ramp = 5.0
    /// Seconds in which messages are sent.
    public var duration = 30.0
    /// Messages that all connections together send in a second; 0: none.
    public var rate = 100.0
    /// Bytes of each message's text.
    public var payload = 128
    /// Seconds that an answer may take.
    public var timeout = 10.0
    /// Messages that one connection has under way at most; further ones are not sent, and counted.
    public var window = 64
    public var threads = 1
    /// The channel that Phoenix clients join, and the event that they push.
    public var channel = "mcp:gateway"
    public var event = "message"
    /// JSON text of the pushes' payload instead of the usual one; `{text}` becomes the text.
    public var pushPayload: String?
    /// The tool that MCP clients call, and JSON text of its arguments; `{text}` becomes the text.
    public var tool = "echo"
    public var arguments = #"{"text":"{text}"}"#
    /// Names of clients and topics begin with it, so that runs do not meet.
    public var run: String

    public init(dialect: Dialect, place: Place, run: String) {
        self.dialect = dialect
        self.place = place
        self.run = run
    }

    /// The topic that streams subscribe to.
    public var topic: String { "load-test:\(run)" }
    /// The name of a connection's client.
    public func client(_ number: Int) -> String { "load-test-\(run)-\(number)" }
}

/// What a run must reach to count as passed.
public struct LoadThresholds: Sendable {
    /// Nanoseconds that the 99th percentile may be.
    public var p99: UInt64?
    /// Errors as a part of everything that was tried.
    public var errorRate: Double?
    /// Answers or deliveries in a second.
    public var throughput: Double?

    public init(p99: UInt64? = nil, errorRate: Double? = nil, throughput: Double? = nil) {
        self.p99 = p99
        self.errorRate = errorRate
        self.throughput = throughput
    }
}
