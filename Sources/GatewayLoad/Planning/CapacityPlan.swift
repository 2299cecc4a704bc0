/// What is asked of a group of nodes.
public struct CapacityDemand: Equatable, Sendable {
    public var connections: Int
    /// The part of them that are event streams; the rest are WebSockets. 0 to 1.
    public var streams: Double
    /// Messages that reach each connection in a second.
    public var received: Double
    /// Messages that each connection sends in a second.
    public var sent: Double
    /// Bytes of each message's text.
    public var size: Int
    /// Cores and bytes of memory of each node.
    public var cores: Double
    public var memory: Double
    /// The part of both that may be used when all is well. 0 to 1.
    public var utilization: Double
    /// Nodes that may fail without anybody noticing.
    public var spare: Int

    public init(
        connections: Int, streams: Double, received: Double, sent: Double, size: Int, cores: Double, memory: Double,
        utilization: Double, spare: Int
    ) {
        self.connections = connections
        self.streams = streams
        self.received = received
        self.sent = sent
        self.size = size
        self.cores = cores
        self.memory = memory
        self.utilization = utilization
        self.spare = spare
    }
}

/// How many nodes a demand takes, and what each of them has to bear. The formulas are those of capacity planning
/// everywhere, with measured figures in them.
public struct CapacityPlan: Equatable, Sendable {
    public let demand: CapacityDemand
    public let figures: MachineFigures
    /// Bytes of a connection, of the mix that is asked for.
    public let memoryPerConnection: Double
    /// (memory × utilization − base) / memory per connection
    public let connectionsByMemory: Double
    /// Cores for everything together: messages a second × microseconds of each.
    public let cores: Double
    /// Connections of this demand that one node's processors bear.
    public let connectionsByProcessor: Double
    /// Bytes a second to clients, of all nodes together: connections × messages a second × size.
    public let egress: Double
    /// Nodes without which it cannot be done, and with those to spare.
    public let nodesNeeded: Int
    public let nodes: Int
    /// Of each node when all are there, and when as many are gone as may be.
    public let connectionsPerNode: Int
    public let connectionsPerNodeAtWorst: Int
    /// Seconds of all processors of a node that it takes until a dead node's clients are back on the others.
    public let returnSeconds: Double

    public enum Bound: String, Sendable { case memory, processor }
    /// What decides the number of nodes.
    public let bound: Bound

    /// - Returns: `nil` if not even one connection fits on a node.
    public init?(_ demand: CapacityDemand, _ figures: MachineFigures) {
        self.demand = demand
        self.figures = figures
        let (streams, sockets) = (demand.streams, 1 - demand.streams)
        func mix(_ part: KeyPath<MachineFigures.Transport, Double>) -> Double {
            figures.stream[keyPath: part] * streams + figures.webSocket[keyPath: part] * sockets
        }
        memoryPerConnection = mix(\.memory)
        connectionsByMemory = (demand.memory * demand.utilization - figures.base) / max(1, memoryPerConnection)
        // Microseconds of a processor for each second of a connection.
        let load = demand.received * mix(\.delivery) + demand.sent * figures.message
        cores = Double(demand.connections) * load / 1e6
        connectionsByProcessor = load > 0 ? demand.cores * demand.utilization * 1e6 / load : .infinity
        egress = Double(demand.connections) * demand.received * (Double(demand.size) + mix(\.overhead))
        let perNode = min(connectionsByMemory, connectionsByProcessor)
        guard perNode >= 1 else { return nil }
        bound = connectionsByMemory <= connectionsByProcessor ? .memory : .processor
        nodesNeeded = max(1, Int((Double(demand.connections) / perNode).rounded(.up)))
        nodes = nodesNeeded + demand.spare
        connectionsPerNode = Int((Double(demand.connections) / Double(nodes)).rounded(.up))
        connectionsPerNodeAtWorst = Int((Double(demand.connections) / Double(nodesNeeded)).rounded(.up))
        // They come back to all that are left; what these do anyway goes on meanwhile.
        let others = Double(max(1, nodes - 1))
        let free = demand.cores * others * max(0.05, 1 - cores / (demand.cores * others))
        returnSeconds = Double(connectionsPerNode) * mix(\.opening) / 1e6 / free
    }

    /// Descriptors that a node needs: each connection, and what the gateway opens itself.
    public var descriptors: Int { connectionsPerNodeAtWorst + 1024 }

    /// Bytes that sessions may keep at the most, so that clients can resume, besides what connections take.
    public func logBytes(messages: Int, bytes: Int) -> Double {
        Double(connectionsPerNodeAtWorst) * min(Double(bytes), Double(messages) * Double(demand.size))
    }
}
