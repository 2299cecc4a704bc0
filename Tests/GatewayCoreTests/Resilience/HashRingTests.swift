import Testing

@testable import GatewayCore

@Suite struct HashRingTests {
    private static func nodes(_ count: Int, weight: (Int) -> Double = { _ in 1 }) -> [HashRing.Node] {
        (0..<count).map { .init(id: "node\($0)", weight: weight($0)) }
    }

    private static func keys(_ count: Int) -> [String] { (0..<count).map { "user:\($0)" } }

    /// Values of the reference implementation: what other processes, platforms and releases compute.
    @Test(
        arguments: [
            ("", 0, 0xEF46_DB37_51D8_E999), ("", 1, 0xD5AF_BA13_36A3_BE4B), ("a", 0, 0xD24E_C4F1_A98C_6E5B),
            ("abc", 0, 0x44BC_2CF5_AD77_0999), ("node1", 149, 0xCCD2_3FDF_C1AD_2880),
            ("user:123", 0, 0xB22B_18AF_3E88_65F3),
            ("The quick brown fox jumps over the lazy dog, and then over another one.", 7, 0x81C5_A24F_C10E_E6A4),
        ] as [(String, UInt64, UInt64)])
    func theHashIsXXH64(text: String, seed: UInt64, expected: UInt64) {
        #expect(KeyHash.hash(text, seed: seed) == expected)
    }

    /// Every length takes its own path through the hash; the sum was computed with the reference implementation.
    @Test func theHashIsXXH64AtEveryLength() {
        var sum: UInt64 = 0
        for length in 0..<200 {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ length) }
            sum = sum &* 31 &+ bytes.withUnsafeBytes { KeyHash.hash($0, seed: UInt64(length)) }
        }
        #expect(sum == 0x8DD8_5384_0A7E_FDFE)
    }

    /// Where keys lie is a promise to every other process: these places were computed outside of this program.
    @Test func placesAreTheSameInEveryProcess() {
        let ring = HashRing(["a", "b", "c", "d", "e"].map { .init(id: $0) })
        let places = Self.keys(40).map { ring.nodes[ring.node(for: $0)!].id }.joined()
        #expect(places == "eaadddabbdeacdbcccacccebeeaeadcceeaaeaea")
    }

    @Test(arguments: 0..<20)
    func theOrderInWhichNodesAreNamedIsNothing(seed: Int) {
        var random = SeededGenerator(seed)
        let nodes = Self.nodes(12) { Double($0 % 3) + 0.5 }
        let ring = HashRing(nodes)
        let other = HashRing(nodes.shuffled(using: &random))
        for key in Self.keys(500) {
            #expect(ring.nodes[ring.node(for: key)!].id == other.nodes[other.node(for: key)!].id)
        }
    }

    @Test(arguments: 0..<20)
    func theBucketsAgreeWithALinearSearch(seed: Int) {
        var random = SeededGenerator(seed)
        let nodes = Self.nodes(1 + random.below(30)) { _ in Double(1 + random.below(4)) / 2 }
        let ring = HashRing(nodes, virtualNodes: 1 + random.below(200))
        var points: [(UInt64, Int)] = []
        for (position, node) in nodes.enumerated() {
            for index in 0..<HashRing.pointCount(node, virtualNodes: ring.virtualNodes) {
                points.append((KeyHash.hash(node.id, seed: UInt64(index)), position))
            }
        }
        points.sort { $0.0 < $1.0 }
        let hashes = (0..<500).map { _ in random.next() } + points.prefix(50).map(\.0) + [0, .max]
        for hash in hashes {
            let owner = (points.first { $0.0 >= hash } ?? points[0]).1
            #expect(ring.node(forHash: hash) == owner)
        }
    }

    @Test func onlyKeysOfAChangedNodeMove() {
        let keys = Self.keys(5000)
        for count in [2, 3, 10, 40] {
            let ring = HashRing(Self.nodes(count))
            let larger = HashRing(Self.nodes(count + 1))
            var moved = 0
            for key in keys {
                let before = ring.nodes[ring.node(for: key)!].id
                let after = larger.nodes[larger.node(for: key)!].id
                if before != after {
                    #expect(after == "node\(count)", "A key moved between nodes that stayed")
                    moved += 1
                }
            }
            // The newcomer's part of the ring, give or take five standard deviations.
            let part = larger.shares[count]
            let deviation = (Double(keys.count) * part * (1 - part)).squareRoot()
            #expect(abs(Double(moved) - Double(keys.count) * part) < 5 * deviation)
            #expect(part < 1.4 / Double(count + 1))
        }
    }

    @Test func aChangedWeightMovesKeysOfThatNodeOnly() {
        let ring = HashRing(Self.nodes(10))
        let heavier = HashRing(Self.nodes(10) { $0 == 4 ? 2 : 1 })
        for key in Self.keys(5000) {
            let (before, after) = (ring.node(for: key)!, heavier.node(for: key)!)
            #expect(before == after || after == 4)
        }
    }

    @Test func replicasAreDistinctAndBeginWithTheOwner() {
        let ring = HashRing(Self.nodes(7) { $0 == 6 ? 0 : 1 })
        var replicas: [Int] = []
        for key in Self.keys(500) {
            for count in [0, 1, 3, 6, 9] {
                ring.replicas(of: key, count: count, into: &replicas)
                #expect(replicas.count == min(count, 6) && Set(replicas).count == replicas.count)
                #expect(replicas.first == (count == 0 ? nil : ring.node(for: key)))
                #expect(!replicas.contains(6), "It has no weight")
            }
        }
        // Who follows is who takes over when the owner leaves.
        let without = HashRing(Self.nodes(7).filter { $0.id != "node2" && $0.id != "node6" })
        for key in Self.keys(500) where ring.node(for: key) == 2 {
            ring.replicas(of: key, count: 2, into: &replicas)
            #expect(without.nodes[without.node(for: key)!].id == ring.nodes[replicas[1]].id)
        }
    }

    /// Keys fall on nodes as by chance with each node's part of the ring: within five standard deviations.
    @Test func keysFallWithinBinomialBounds() {
        let ring = HashRing(Self.nodes(8) { [1, 1, 2, 0.5, 3, 1, 1, 0.25][$0] })
        let total = 40_000
        var counts = Array(repeating: 0, count: 8)
        for key in Self.keys(total) { counts[ring.node(for: key)!] += 1 }
        for (count, share) in zip(counts, ring.shares) {
            let deviation = (Double(total) * share * (1 - share)).squareRoot()
            #expect(abs(Double(count) - Double(total) * share) < 5 * deviation)
        }
    }

    /// A node's part of the ring is its weight's, as closely as its number of points allows: a part made of `n` random
    /// gaps has a relative deviation of about 1/√n.
    @Test func weightsAreParts() {
        let weights = [1, 1, 2, 0.5, 3, 1, 1, 0.25]
        let ring = HashRing(Self.nodes(8) { weights[$0] })
        let sum = weights.reduce(0, +)
        for (share, weight) in zip(ring.shares, weights) {
            let expected = weight / sum
            #expect(abs(share - expected) < 4 * expected / (150 * weight).squareRoot())
        }
        #expect(abs(ring.shares.reduce(0, +) - 1) < 1e-9)
    }

    @Test func emptyAndSingle() {
        #expect(HashRing([]).node(for: "a") == nil)
        #expect(HashRing([.init(id: "a", weight: 0)]).node(for: "a") == nil)
        let one = HashRing([.init(id: "a")], virtualNodes: 1)
        #expect(one.node(forHash: 0) == 0 && one.node(forHash: .max) == 0)
    }

    @Test func theReportHasTrueVariance() {
        let ring = HashRing([.init(id: "node1"), .init(id: "node2"), .init(id: "node3")])
        let report = RingDistribution(of: ring, keys: [512, 498, 513])
        #expect(report.totalKeys == 1523)
        #expect(report.nodes[0] == .init(id: "node1", weight: 1, virtualNodes: 150, keys: 512))
        let mean = 1523.0 / 3
        let expected = [512.0, 498, 513].map { ($0 / mean - 1) * ($0 / mean - 1) }.reduce(0, +) / 3
        #expect(abs(report.variance - expected) < 1e-12)

        let weighted = HashRing([.init(id: "a", weight: 3), .init(id: "b", weight: 1), .init(id: "c", weight: 0)])
        #expect(RingDistribution(of: weighted, keys: [75, 25, 0]).variance == 0)
        #expect(RingDistribution(of: weighted, keys: [0, 0, 0]).variance == 0)
    }
}
