public import GatewayCore

/// One operational unit (S1): a transport on an event loop, or a server behind the gateway.
public enum UnitID: Hashable, Sendable {
    /// The connections of one transport on one event loop.
    case transport(Transport, loop: Int)
    /// An upstream server.
    case upstream(String)
    /// A whole system, as the one sees it that it is a unit of: a node of a cluster.
    case system(String)

    /// The name in reports.
    public var name: String {
        switch self {
        case .transport(let transport, let loop): "\(transport.name)/\(loop)"
        case .upstream(let name): "upstream/\(name)"
        case .system(let name): name
        }
    }
}

/// What a unit has counted since the beginning, and what it has now.
public struct UnitSample: Sendable {
    /// Whose figures they are.
    public let unit: UnitID
    /// Open connections, or calls under way.
    public var connections = 0
    /// Messages from clients.
    public var received = 0
    /// Messages handed to the kernel, or calls answered.
    public var delivered = 0
    /// Bytes of them.
    public var deliveredBytes = 0
    /// Connections that broke a rule or fell silent, or calls that failed.
    public var errors = 0
    /// Messages that connections were told of as missing.
    public var dropped = 0
    /// Connections closed because they did not read.
    public var slowConsumers = 0
    /// How long deliveries have taken.
    public var latencies = LatencyHistogram()
    /// What went through the budget of bytes sent; nothing where there is none, and for servers.
    public var egress = EgressBargain.Demand()
    /// Messages of clients as they came.
    public var arrivals = VarietyCounts()
    /// Those among them that were let through.
    public var accepted = VarietyCounts()

    /// How many calls of an upstream server may be under way; `nil` where no limit is learned, and for transports.
    public var limit: ConcurrencyGate.Figures?

    /// Nothing counted.
    public init(unit: UnitID) { self.unit = unit }
}

/// What an event loop tells of itself.
public struct LoopSample: Sendable {
    /// Which one.
    public let index: Int
    /// How long a task has just waited for its turn.
    public var lag = Instant.Span(nanoseconds: 0)
    /// Connections that began in an odd way since it was asked last.
    public var anomalies: [Anomaly.Pattern: Anomaly.Sightings] = [:]
    /// Processor time of its thread since the beginning.
    public var processorTime = Instant.Span(nanoseconds: 0)

    /// - Parameter index: which one.
    public init(index: Int) { self.index = index }
}

/// What servers tell of one resource.
public struct ServerDemand: Sendable {
    /// What there is for all of them together.
    public var capacity: Int
    /// What each has been using and missing.
    public var demands: [String: ServerBargain.Demand]

    public init(capacity: Int, _ demands: [String: ServerBargain.Demand]) {
        self.capacity = capacity
        self.demands = demands
    }
}

/// What the node tells of itself.
public struct NodeSample: Sendable {
    /// Bytes in use, and bytes that the process is to do with.
    public var memory = (used: 0, budget: 0)
    /// Connections of each service, and how many there may be.
    public var connections: [(service: String, open: Int, limit: Int)] = []
    /// What each transport has been using and missing, and what there is for all of them together.
    public var connectionDemand: [Transport: ConnectionBargain.Demand] = [:]
    public var connectionCapacity = 0
    /// What each server has been using and missing of what servers share, and how much there is for all of them together.
    public var serverDemands: [Loan.Resource: ServerDemand] = [:]
    /// Bytes that each transport holds for its clients; `nil` while there is memory enough not to look.
    public var heldBytes: [Transport: Int]?
    /// Connections that have begun, since the beginning.
    public var opened = 0
    /// What is given up at present.
    public var shedding = OverloadLadder.Step.none
    /// Sessions, with and without connections.
    public var sessions = 0
    /// Processor time of the process since the beginning, in seconds.
    public var processorSeconds = 0.0
    /// Processors that it may use.
    public var processors = 1
    /// Whether what must survive cannot be stored.
    public var isStorageFailing = false
    /// Clients that have changed to a better transport, and to a worse one, since the beginning.
    public var switches = (better: 0, worse: 0)
    /// Clients that were refused and told when to come back, since the beginning, and for how long such returns go on.
    public var returns = (given: 0, spread: Instant.Span(nanoseconds: 0))
    /// Messages that rules of the policy have kept in spite of the mode, and refused, and connections that they have let in
    /// in spite of it, since the beginning.
    public var ruled = (kept: 0, refused: 0, connections: 0)
    /// What has been counted for each limit of the policy.
    public var limits: [PolicyLimit.Figures] = []
    /// How long clients wait before they come back to a node that has died.
    public var retry = Instant.Span(nanoseconds: 0)
    /// How many clients a second are told to come back when the node takes leave.
    public var drainRate = 0.0

    /// Nothing counted.
    public init() {}
}
