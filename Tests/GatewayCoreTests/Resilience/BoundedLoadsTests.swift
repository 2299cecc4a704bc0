import Testing

@testable import GatewayCore

@Suite struct BoundedLoadsTests {
    /// After every placement: load ≤ ⌈(1 + slack) · mean⌉, by weight and among those that are eligible.
    @Test(arguments: 0..<60)
    func noNodeIsAboveItsBound(seed: Int) {
        var random = SeededGenerator(seed)
        let count = 1 + random.below(20)
        let nodes = (0..<count).map { HashRing.Node(id: "n\($0)", weight: [0, 0.5, 1, 1, 2][random.below(5)]) }
        let slack = random.pick([0.05, 0.25, 1])
        var loads = BoundedLoads(ring: HashRing(nodes), slack: slack)
        var placed: [Int] = []
        for step in 0..<600 {
            switch random.below(10) {
            case 0, 1, 2:
                guard !placed.isEmpty else { break }
                loads.release(placed.remove(at: random.below(placed.count)))
            case 3: loads.setEligible(random.below(count), random.oneIn(2))
            default:
                let open = nodes.indices.filter { loads.isEligible($0) && nodes[$0].weight > 0 }
                // A few keys come again and again, as clients do.
                let key = random.oneIn(2) ? "hot" : "k\(step)"
                guard let node = loads.place(key) else {
                    #expect(open.isEmpty, "seed \(seed)")
                    break
                }
                placed.append(node)
                #expect(open.contains(node), "seed \(seed)")
                let total = open.reduce(0) { $0 + loads.loads[$1] }
                let mean = Double(total) * nodes[node].weight / open.reduce(0) { $0 + nodes[$1].weight }
                #expect(Double(loads.loads[node]) <= ((1 + slack) * mean).rounded(.up), "seed \(seed)")
            }
        }
        #expect(loads.loads.reduce(0, +) == placed.count)
    }

    @Test func withRoomAKeyGoesWhereTheRingSays() {
        let ring = HashRing((0..<10).map { .init(id: "n\($0)") })
        for key in (0..<200).map({ "user:\($0)" }) {
            var loads = BoundedLoads(ring: ring)
            #expect(loads.place(key) == ring.node(for: key))
        }
    }

    @Test func whenANodeDropsOutOnlyItsKeysMove() {
        let ring = HashRing((0..<5).map { .init(id: "n\($0)") })
        var replicas: [Int] = []
        for key in (0..<200).map({ "user:\($0)" }) {
            var loads = BoundedLoads(ring: ring)
            ring.replicas(of: key, count: 2, into: &replicas)
            loads.setEligible(2, false)
            #expect(loads.place(key) == (replicas[0] == 2 ? replicas[1] : replicas[0]))
        }
    }

    @Test func loadsAreCarriedToTheNextRing() {
        var loads = BoundedLoads(ring: HashRing([.init(id: "a"), .init(id: "b")]))
        for key in 0..<10 { _ = loads.place("k\(key)") }
        loads.setEligible(1, false)
        let next = BoundedLoads(
            ring: HashRing([.init(id: "c"), .init(id: "b"), .init(id: "a")]), carrying: loads)
        #expect(next.loads == [0, loads.loads[1], loads.loads[0]])
        #expect(next.isEligible(0) && !next.isEligible(1) && next.isEligible(2))
    }
}
