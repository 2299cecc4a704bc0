import GatewayCore
import GatewayViability
import TestSupport
import Testing

struct PolicyTests {
    private static func at(_ seconds: Int) -> Instant { .zero + .seconds(Int64(seconds)) }

    @Test func thePresentAndTheFutureAreWeighed() {
        let policy = Policy()
        func wanted(_ pressure: Double, _ seconds: Int64? = nil) -> OperatingMode {
            ModeMachine.wanted(pressure: pressure, timeToCapacity: seconds.map { .seconds($0) }, policy: policy)
        }
        #expect(wanted(0.1) == .normal && wanted(0.49) == .normal)
        #expect(wanted(0.5) == .conserve && wanted(0.99) == .conserve)
        #expect(wanted(1) == .survive)
        #expect(wanted(0, 61) == .normal && wanted(0, 60) == .conserve && wanted(0, 0) == .conserve)
        #expect(wanted(1.5, 5) == .survive)
    }

    @Test func itGetsStricterStepByStepAndEasesSlowly() {
        let policy = Policy()
        var machine = ModeMachine()
        var seen: [(Int, OperatingMode)] = []
        for second in 0..<40 {
            let wanted: OperatingMode = second < 10 ? .survive : .normal
            if machine.observe(wanted, policy: policy, now: Self.at(second)) { seen.append((second, machine.mode)) }
        }
        #expect(seen.map(\.0) == [2, 4, 20, 30])
        #expect(seen.map(\.1) == [.conserve, .survive, .conserve, .normal])
    }

    /// Every history of wishes over a while: modes change by one step, never against the wish, never too early.
    @Test func theMachineIsChecked() {
        var policy = Policy()
        policy.patience = .seconds(1)
        policy.dwell = .seconds(2)
        func visit(_ machine: ModeMachine, _ wishes: [OperatingMode]) {
            guard wishes.count < 8 else { return }
            for wish in OperatingMode.allCases {
                var next = machine
                let changed = next.observe(wish, policy: policy, now: Self.at(wishes.count))
                #expect(changed == (next.mode != machine.mode))
                #expect(abs(Int(next.mode.rawValue) - Int(machine.mode.rawValue)) <= 1)
                if next.mode > machine.mode {
                    #expect(wish >= next.mode && wishes.last.map { $0 > machine.mode } == true)
                }
                if next.mode < machine.mode {
                    #expect(wish <= next.mode && wishes.suffix(2).count == 2)
                    #expect(wishes.suffix(2).allSatisfy { $0 < machine.mode })
                }
                visit(next, wishes + [wish])
            }
        }
        visit(ModeMachine(), [])
    }

    @Test func whatMattersMostIsTakenInEveryMode() {
        let policy = Policy()
        for mode in OperatingMode.allCases { #expect(policy.step(in: mode).admits(.high)) }
        #expect(policy.step(in: .normal).admits(.low))
        #expect(!policy.step(in: .conserve).admits(.low) && policy.step(in: .conserve).admits(.normal))
        #expect(!policy.step(in: .survive).admits(.normal))
        var odd = Policy()
        odd.conserve = .normalPriority
        odd.survive = .connections
        #expect(odd.step(in: .survive) == .normalPriority, "survive is never easier than conserve")
    }

    @Test func onlyChangesOfDirectionAreRestless() {
        var index = OscillationIndex()
        for second in 0..<10 { index.observe(Double(second), now: Self.at(second)) }
        #expect(index.perHour == 0)
        for second in 10..<20 { index.observe(second % 2 == 0 ? 1 : 2, now: Self.at(second)) }
        #expect(index.perHour == 10)
        index.observe(2, now: Self.at(3700))
        #expect(index.perHour == 0, "an hour later it is forgotten")
    }
}
