public import GatewayCore

/// What is known of one address behind the gateway: a replica of an MCP server, a program, a webhook.
public struct UpstreamFigures: Sendable {
    /// What it is for.
    public enum Kind: String, Sendable { case mcp, webhook }

    public var kind: Kind
    /// The server that it belongs to, or the webhook's URL.
    public var server: String
    /// The address as it may be shown; `nil` for what runs within the gateway or as its child.
    public var address: String?
    /// What is wrong with it; `nil` if nothing is known to be.
    public var problem: String?
    /// Its circuit breaker; `nil` if it has none.
    public var breaker: CircuitBreaker.State?
    /// Its pool; `nil` if it has none.
    public var pool: PoolHealth?
    /// Its weight, points and keys on the ring of its server; `nil` if there is no ring.
    public var share: RingDistribution.Share?
    /// How many calls of the server may be under way, as learned, on all its replicas and event loops together; `nil`
    /// where no limit is learned.
    public var limit: ConcurrencyGate.Figures?
    public var calls = 0
    public var failures = 0
    /// How long its answers took.
    public var latencies = LatencyHistogram()
    /// The same by tool, for as many tools as are told apart.
    public var toolLatencies: [String: LatencyHistogram] = [:]

    /// What all other tools go by.
    public static let otherTools = "other"

    public init(_ kind: Kind, server: String, address: String? = nil) {
        self.kind = kind
        // A webhook goes by its URL.
        self.server = kind == .webhook ? ShownAddress.text(server) : server
        self.address = address.map(ShownAddress.text)
    }
}
