/// Consistent hashing: which of several nodes a key belongs to. Every node has points on a circle of 64-bit numbers, and
/// a key belongs to the first point at or after its own hash. A node that comes or goes moves only the keys that become
/// or were its own.
///
/// The points of a node are `XXH64(id, seed: 0)`, `XXH64(id, seed: 1)` and so on, its keys are `XXH64(key, seed: 0)` of
/// their UTF-8 bytes: two processes with the same nodes agree, in whatever order the nodes were named.
///
/// A ring does not change; another one is built in its place.
public struct HashRing: Sendable {
    public struct Node: Equatable, Sendable {
        public var id: String
        /// Its share in relation to the others'; at 0 it gets no keys.
        public var weight: Double

        public init(id: String, weight: Double = 1) {
            precondition(weight >= 0 && weight.isFinite, "A weight is a number from 0 up")
            self.id = id
            self.weight = weight
        }
    }

    public let nodes: [Node]
    /// Points of a node of weight 1.
    public let virtualNodes: Int
    /// Ascending.
    private let points: [UInt64]
    /// To whom the points belong: positions in `nodes`.
    private let owners: [UInt32]
    /// For every leading part of a hash the first point at or after its beginning. There are at least as many parts as
    /// points, so that a look-up takes a step or two instead of a binary search.
    private let starts: [UInt32]
    private let shift: UInt64

    /// - Parameters:
    ///   - nodes: with different ids.
    ///   - virtualNodes: points of a node of weight 1.
    public init(_ nodes: [Node], virtualNodes: Int = 150) {
        precondition(virtualNodes >= 1, "A node has a point")
        precondition(Set(nodes.map(\.id)).count == nodes.count, "Nodes have different ids")
        self.nodes = nodes
        self.virtualNodes = virtualNodes
        var all: [(point: UInt64, owner: UInt32)] = []
        for (position, node) in nodes.enumerated() {
            for index in 0..<Self.pointCount(node, virtualNodes: virtualNodes) {
                all.append((KeyHash.hash(node.id, seed: UInt64(index)), UInt32(position)))
            }
        }
        // Two points at one place: the smaller id wins, whatever the order of the nodes.
        all.sort { ($0.point, nodes[Int($0.owner)].id) < ($1.point, nodes[Int($1.owner)].id) }
        points = all.map(\.point)
        owners = all.map(\.owner)

        var bits: UInt64 = 1
        while 1 << bits < all.count { bits += 1 }
        shift = 64 - bits
        var starts: [UInt32] = []
        var next = 0
        for part in 0..<(UInt64(1) << bits) {
            while next < all.count, all[next].point < part << shift { next += 1 }
            starts.append(UInt32(next))
        }
        self.starts = starts
    }

    public static func pointCount(_ node: Node, virtualNodes: Int) -> Int {
        node.weight == 0 ? 0 : max(1, Int((Double(virtualNodes) * node.weight).rounded()))
    }

    /// Whether no node can get a key.
    public var isEmpty: Bool { points.isEmpty }

    /// The node that `key` belongs to, as a position in `nodes`; nil when there is none.
    public func node(for key: String) -> Int? { node(forHash: KeyHash.hash(key)) }

    public func node(forHash hash: UInt64) -> Int? {
        points.isEmpty ? nil : Int(owners[place(of: hash)])
    }

    /// The node that `key` belongs to and those that come next, each once, best first: `count` of them, or all there are.
    public func replicas(of key: String, count: Int, into replicas: inout [Int]) {
        replicas.removeAll(keepingCapacity: true)
        walk(from: KeyHash.hash(key)) { node in
            if replicas.count < count, !replicas.contains(node) { replicas.append(node) }
            return replicas.count < min(count, nodes.count)
        }
    }

    /// Visits the owners of all points once around, from `hash` on, until `visit` answers false. A node comes up as often
    /// as it has points.
    @inline(__always)
    func walk(from hash: UInt64, _ visit: (Int) -> Bool) {
        guard !points.isEmpty else { return }
        let start = place(of: hash)
        var place = start
        repeat {
            guard visit(Int(owners[place])) else { return }
            place = place + 1 == points.count ? 0 : place + 1
        } while place != start
    }

    /// The first point at or after `hash`, around the end of the circle to its beginning.
    @inline(__always)
    private func place(of hash: UInt64) -> Int {
        var place = Int(starts[Int(hash >> shift)])
        while place < points.count, points[place] < hash { place += 1 }
        return place == points.count ? 0 : place
    }

    /// The part of all hashes that belongs to each node.
    public var shares: [Double] {
        var shares = Array(repeating: 0.0, count: nodes.count)
        for (place, point) in points.enumerated() {
            let previous = points[place == 0 ? points.count - 1 : place - 1]
            let width = points.count == 1 ? UInt64.max : point &- previous
            shares[Int(owners[place])] += Double(width) / 0x1p64
        }
        return shares
    }
}
