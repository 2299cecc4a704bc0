import DeliveryHistory
import Foundation
import Testing

/// The promises of contract §6 in whole lives of a gateway: publishers and clients over several transports, cuts, stalls,
/// switches, crashes and a store that fails now and then, judged from what publishers and clients saw.
@Suite struct SimulationTests {
    private static let perTest = 500

    /// Seeds of this run; `MCP_SIMULATION_SEEDS` makes them more.
    private static let blocks = max(
        1, (ProcessInfo.processInfo.environment["MCP_SIMULATION_SEEDS"].flatMap(Int.init) ?? 10_000) / perTest)

    @Test(arguments: 0..<blocks)
    func nothingIsLostRepeatedOrReordered(block: Int) {
        for seed in (block * Self.perTest)..<((block + 1) * Self.perTest) {
            var world = World(seed: seed)
            let verdict = world.run()
            guard verdict.holds else {
                Issue.record("\(Self.report(verdict, world))")
                return
            }
        }
    }

    /// One life again: `MCP_SIMULATION_SEED=1234 swift test --filter replay` prints all of it.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["MCP_SIMULATION_SEED"] != nil))
    func replay() throws {
        let seed = try #require(ProcessInfo.processInfo.environment["MCP_SIMULATION_SEED"].flatMap(Int.init))
        var world = World(seed: seed)
        world.isTracing = true
        let verdict = world.run()
        #expect(verdict.holds, "\(Self.report(verdict, world))")
    }

    @Test func theLivesAreFullOfEvents() {
        var total = (published: 0, delivered: 0, connections: 0, gaps: 0, crashes: 0)
        for seed in 0..<200 {
            var world = World(seed: seed)
            let verdict = world.run()
            total.published += verdict.published
            total.delivered += verdict.delivered
            total.connections += verdict.connections
            total.gaps += verdict.gaps
            total.crashes += verdict.crashes
        }
        #expect(total.published > 4000 && total.delivered > 2000 && total.connections > 1000)
        #expect(total.gaps > 50 && total.crashes > 100)
    }

    @Test(arguments: Fault.allCases)
    func aBrokenCoreIsNoticed(fault: Fault) {
        var struck = 0
        var noticed = 0
        for seed in 0..<300 {
            var world = World(seed: seed, fault: fault)
            let verdict = world.run()
            guard world.strikes > 0 else {
                #expect(verdict.holds, "\(Self.report(verdict, world))")
                continue
            }
            struck += 1
            if !verdict.holds { noticed += 1 }
        }
        #expect(noticed >= 5, "\(noticed) of \(struck) lives with the fault were noticed")
    }

    private static func report(_ verdict: Verdict, _ world: World) -> String {
        let violations = verdict.violations.prefix(5).map {
            "\($0.place): \($0.rule.rawValue): \($0.client): \($0.reason)"
        }
        let line = verdict.violations.first?.place.line ?? world.history.count
        let before = world.history[max(0, line - 60)..<min(world.history.count, line + 5)]
        let events = before.map { "\($0.place.line) \($0.kind)" }
        return "seed \(world.seed)\n" + (violations + [""] + events).joined(separator: "\n")
    }
}
