/// Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam 2016): a key goes to the first node on its way
/// around the ring that has room, and no node takes more than its weight's part of `1 + slack` times the load, rounded up.
///
/// A placement lasts until it is released: a key that is asked for again is placed again, so whoever wants affinity keeps
/// the answer. Nodes that are not eligible get nothing, and what they still carry does not count towards the mean.
public struct BoundedLoads: Sendable {
    public let ring: HashRing
    /// How far above its part a node may go; 0.25 is usual.
    public let slack: Double
    public private(set) var loads: [Int]
    private var eligible: [Bool]
    private var eligibleLoad = 0
    private var eligibleWeight = 0.0

    /// - Parameter previous: its loads and eligibility are taken over by the nodes of the same id.
    public init(ring: HashRing, slack: Double = 0.25, carrying previous: BoundedLoads? = nil) {
        precondition(slack > 0, "Without slack nothing fits")
        self.ring = ring
        self.slack = slack
        loads = Array(repeating: 0, count: ring.nodes.count)
        eligible = Array(repeating: true, count: ring.nodes.count)
        if let previous {
            var positions: [String: Int] = [:]
            for (position, node) in previous.ring.nodes.enumerated() { positions[node.id] = position }
            for (position, node) in ring.nodes.enumerated() {
                guard let former = positions[node.id] else { continue }
                loads[position] = previous.loads[former]
                eligible[position] = previous.eligible[former]
            }
        }
        sum()
    }

    /// Whether a node takes new keys.
    public mutating func setEligible(_ node: Int, _ isEligible: Bool) {
        guard eligible[node] != isEligible else { return }
        eligible[node] = isEligible
        sum()
    }

    public func isEligible(_ node: Int) -> Bool { eligible[node] }

    /// Chooses a node for `key` and counts it there; nil when none is eligible.
    public mutating func place(_ key: String) -> Int? {
        var chosen: Int?
        ring.walk(from: KeyHash.hash(key)) { node in
            guard eligible[node], loads[node] < bound(of: node) else { return true }
            chosen = node
            return false
        }
        if let chosen { count(chosen, 1) }
        return chosen
    }

    /// Counts a key at `node`, whatever its bound: it was placed there by an earlier process or by hand.
    public mutating func adopt(_ node: Int) { count(node, 1) }

    /// Forgets one key that was placed on `node`.
    public mutating func release(_ node: Int) {
        precondition(loads[node] > 0, "Nothing was placed here")
        count(node, -1)
    }

    /// How many keys `node` may have once one more is placed.
    func bound(of node: Int) -> Int {
        let part = ring.nodes[node].weight / eligibleWeight
        return Int(((1 + slack) * Double(eligibleLoad + 1) * part).rounded(.up))
    }

    private func counts(_ node: Int) -> Bool { eligible[node] && ring.nodes[node].weight > 0 }

    private mutating func count(_ node: Int, _ change: Int) {
        loads[node] += change
        if counts(node) { eligibleLoad += change }
    }

    private mutating func sum() {
        eligibleLoad = 0
        eligibleWeight = 0
        for node in loads.indices where counts(node) {
            eligibleLoad += loads[node]
            eligibleWeight += ring.nodes[node].weight
        }
    }
}
