import GatewayCore
import TestSupport
import Testing

struct OverloadLadderTests {
    @Test func stepsComeInTheirOrder() {
        var ladder = OverloadLadder(budget: 1000)
        var seen: [OverloadLadder.Step] = []
        for bytes in stride(from: 0, through: 1100, by: 10) {
            ladder.use(bytes)
            if seen.last != ladder.step { seen.append(ladder.step) }
        }
        #expect(seen == OverloadLadder.Step.allCases)
        seen = []
        for bytes in stride(from: 1100, through: 0, by: -10) {
            ladder.use(bytes)
            if seen.last != ladder.step { seen.append(ladder.step) }
        }
        #expect(seen == OverloadLadder.Step.allCases.reversed())
    }

    @Test func aStepDoesNotComeAndGo() {
        var ladder = OverloadLadder(budget: 1000)
        ladder.use(850)
        for _ in 0..<10 {
            ladder.use(801)
            #expect(ladder.step == .lowPriority)
            ladder.use(849)
            #expect(ladder.step == .lowPriority)
        }
        ladder.use(799)
        #expect(ladder.step == .connections)
        ladder.use(749)
        #expect(ladder.step == .none)
    }

    @Test func theMostImportantIsGivenUpLast() {
        for step in OverloadLadder.Step.allCases {
            let taken = Priority.allCases.map(step.admits)
            #expect(taken == taken.sorted { !$0 && $1 }, "\(step)")
        }
        #expect(OverloadLadder.Step.connections.admits(.low) && OverloadLadder.Step.slowReaders.admits(.high))
        #expect(!OverloadLadder.Step.highPriority.admits(.high))
    }

    /// Whatever the memory does: at or above a step's beginning it is taken, and below its end it is not.
    @Test(arguments: 0..<50) func thereIsNoWayAround(seed: Int) {
        var random = SeededGenerator(seed)
        var ladder = OverloadLadder(budget: 10_000)
        for _ in 0..<500 {
            let bytes = random.below(12_000)
            ladder.use(bytes)
            for step in OverloadLadder.Step.allCases where step != .none {
                if bytes >= step.percent * 100 { #expect(ladder.step >= step) }
                if bytes < (step.percent - OverloadLadder.hysteresis) * 100 { #expect(ladder.step < step) }
            }
        }
    }
}
