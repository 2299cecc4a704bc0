/// How evenly a ring spreads its keys; the requirements' `get_distribution`.
public struct RingDistribution: Equatable, Sendable {
    public struct Share: Equatable, Sendable {
        public var id: String
        public var weight: Double
        /// `vnode_count`
        public var virtualNodes: Int
        /// `key_count`
        public var keys: Int

        public init(id: String, weight: Double, virtualNodes: Int, keys: Int) {
            self.id = id
            self.weight = weight
            self.virtualNodes = virtualNodes
            self.keys = keys
        }
    }

    public var nodes: [Share]
    public var totalKeys: Int
    /// `distribution_variance`: the population variance of keys by expectation, where a node of twice the weight is
    /// expected to have twice the keys. 0 is perfect; 0.01 means that nodes are typically 10 % off.
    public var variance: Double

    /// - Parameter keys: how many keys each of the ring's nodes has.
    public init(of ring: HashRing, keys: [Int]) {
        precondition(keys.count == ring.nodes.count, "One count for each node")
        self.init(
            of: zip(ring.nodes, keys).map { node, count in
                Share(
                    id: node.id, weight: node.weight,
                    virtualNodes: HashRing.pointCount(node, virtualNodes: ring.virtualNodes), keys: count)
            })
    }

    /// - Parameter shares: what each node has.
    public init(of shares: [Share]) {
        nodes = shares
        totalKeys = nodes.reduce(0) { $0 + $1.keys }
        let weighted = nodes.filter { $0.weight > 0 }
        let total = Double(weighted.reduce(0) { $0 + $1.keys })
        let weights = weighted.reduce(0) { $0 + $1.weight }
        guard total > 0 else {
            variance = 0
            return
        }
        let ratios = weighted.map { Double($0.keys) / (total * $0.weight / weights) }
        let mean = ratios.reduce(0, +) / Double(ratios.count)
        variance = ratios.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(ratios.count)
    }
}
