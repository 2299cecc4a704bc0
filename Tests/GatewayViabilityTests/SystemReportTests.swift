import Foundation
import GatewayCore
import TestSupport
import Testing
import WireJSON

@testable import GatewayViability

/// A system reports to the one that it is a unit of in the form in which its own units do.
struct SystemReportTests {
    private static func node(_ name: String, seed: Int, pains: [SystemReport.Pain] = []) -> SystemReport {
        var counts = [Int](repeating: 0, count: VarietyCounts.classes)
        for place in counts.indices { counts[place] = (seed &* 31 &+ place &* 17) % 40 }
        return SystemReport(
            level: .node,
            figures: UnitReport(
                unit: .system(name), connections: seed, arrivals: Double(seed) * 2,
                accepted: Double(seed), received: Double(seed) * 2, delivered: Double(seed) * 4,
                errors: Double(seed % 3), deliveredBytes: Double(seed) * 100, latency: .milliseconds(Int64(seed)),
                capability: Double(seed) * 8, potentiality: Double(seed) * 16, limit: nil),
            mode: OperatingMode.allCases[seed % 3], pressure: Double(seed) / 8, memory: (seed * 1000, 100_000),
            sessions: seed + 1, herd: seed, variety: (counts, counts.map { $0 / 2 }), pains: pains)
    }

    private static func text(_ report: SystemReport) -> [UInt8] { JSONWriter.object { report.write(to: &$0) } }

    private static func read(_ text: [UInt8]) throws -> SystemReport {
        try JSONDecoder().decode(SystemReport.self, from: Data(text))
    }

    @Test func oneNodeAloneIsItsCluster() {
        let node = Self.node("a", seed: 7)
        let cluster = SystemReport(.cluster, named: "all", of: [node])
        #expect(cluster.level == .cluster && cluster.figures.unit == .system("all"))
        #expect(cluster.figures.connections == 7 && cluster.figures.delivered == 28 && cluster.figures.capability == 56)
        #expect(cluster.figures.productivity == node.figures.productivity)
        #expect(cluster.mode == node.mode && cluster.pressure == node.pressure && cluster.memory == node.memory)
        #expect(cluster.variety == node.variety && cluster.entropy.incoming == node.entropy.incoming)
        #expect(cluster.herd == 7 && cluster.sessions == 8)
    }

    @Test(arguments: 0..<20) func theOrderOfPartsDoesNotMatterAndClustersAddUpToo(_ seed: Int) {
        var generator = SeededGenerator(seed)
        let nodes = (0..<5).map { Self.node("n\($0)", seed: 8 * Int(generator.next() % 50)) }
        let whole = SystemReport(.cluster, named: "all", of: nodes)
        #expect(SystemReport(.cluster, named: "all", of: nodes.shuffled(using: &generator)) == whole)
        let halves = [
            SystemReport(.cluster, named: "x", of: Array(nodes[..<2])),
            SystemReport(.cluster, named: "y", of: Array(nodes[2...])),
        ]
        #expect(SystemReport(.cluster, named: "all", of: halves) == whole)
        #expect(
            whole.variety.incoming
                == (0..<VarietyCounts.classes).map { place in
                    nodes.reduce(0) { $0 + $1.variety.incoming[place] }
                })
    }

    @Test func whatTheWholeCouldDoIsKnownWhenItIsOfAllThatDoSomething() {
        func unit(_ delivered: Double, _ capability: Double?) -> UnitReport {
            UnitReport(
                unit: .system("a"), connections: 0, arrivals: 0, accepted: 0, received: 0, delivered: delivered,
                errors: 0, deliveredBytes: 0,
                latency: nil, capability: capability, potentiality: capability, limit: nil)
        }
        #expect(UnitReport(.system("b"), of: [unit(5, 10), unit(0, nil)]).capability == 10)
        #expect(UnitReport(.system("b"), of: [unit(5, 10), unit(1, nil)]).capability == nil)
        #expect(UnitReport(.system("b"), of: []).capability == nil)
    }

    @Test func painKeepsTheNameOfWhereItHurts() {
        let pain = SystemReport.Pain(type: "error_rate", place: "websocket/0", level: "s3", intensity: 2)
        let other = SystemReport.Pain(type: "memory_shortage", place: "", level: "s5", intensity: 1)
        let cluster = SystemReport(
            .cluster, named: "all",
            of: [Self.node("b", seed: 1, pains: [other]), Self.node("a", seed: 2, pains: [pain])])
        #expect(cluster.pains.map(\.place) == ["a/websocket/0", "b"])
        #expect(
            SystemReport(.cluster, named: "world", of: [cluster]).pains.map(\.place) == ["all/a/websocket/0", "all/b"])
    }

    @Test func whatIsWrittenIsRead() throws {
        let pain = SystemReport.Pain(type: "error_rate", place: "websocket/0", level: "s3", intensity: 2)
        for seed in [0, 7, 30] {
            let node = Self.node("a", seed: seed, pains: [pain])
            #expect(try Self.read(Self.text(node)) == node)
            let cluster = SystemReport(.cluster, named: "all", of: [node, Self.node("b", seed: 3)])
            #expect(try Self.read(Self.text(cluster)) == cluster)
        }
        let foreign = String(decoding: Self.text(Self.node("a", seed: 3)), as: UTF8.self)
            .replacingOccurrences(of: "size_octave", with: "another")
        #expect(throws: DecodingError.self) { try Self.read(Array(foreign.utf8)) }
    }
}
