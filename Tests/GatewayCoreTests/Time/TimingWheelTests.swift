import Testing

@testable import GatewayCore

/// Each member is visited once, at the first tick that is not before its deadline.
@Suite struct TimingWheelTests {
    static let tick = Instant.Span.milliseconds(100)

    static func wheel(buckets: Int = 8, now: Instant = .zero) -> TimingWheel {
        TimingWheel(tick: tick, buckets: buckets, now: now)
    }

    static func at(_ milliseconds: Int64) -> Instant { .zero + .milliseconds(milliseconds) }

    private func due(_ wheel: inout TimingWheel, _ milliseconds: Int64) -> [UInt64] {
        var due: [UInt64] = []
        wheel.advance(to: Self.at(milliseconds), into: &due)
        return due.sorted()
    }

    @Test func aDeadlineIsNotVisitedEarly() {
        var wheel = Self.wheel()
        wheel.schedule(1, at: Self.at(250))
        #expect(due(&wheel, 200) == [])
        #expect(due(&wheel, 299) == [])
        #expect(due(&wheel, 300) == [1])
        #expect(due(&wheel, 400) == [])
        #expect(wheel.count == 0)
    }

    @Test func aDeadlineOnATickIsVisitedThen() {
        var wheel = Self.wheel()
        wheel.schedule(1, at: Self.at(200))
        #expect(due(&wheel, 199) == [])
        #expect(due(&wheel, 200) == [1])
    }

    @Test func aDeadlineInThePastIsVisitedAtTheNextTick() {
        var wheel = Self.wheel(now: Self.at(1000))
        wheel.schedule(1, at: Self.at(10))
        wheel.schedule(2, at: Self.at(1000))
        #expect(wheel.count == 2)
        #expect(due(&wheel, 1050) == [])
        #expect(due(&wheel, 1100) == [1, 2])
    }

    @Test func aDeadlineBeyondOneTurnWaitsForItsTurn() {
        var wheel = Self.wheel(buckets: 4)
        wheel.schedule(1, at: Self.at(1000))
        for time in stride(from: Int64(100), to: 1000, by: 100) { #expect(due(&wheel, time) == []) }
        #expect(due(&wheel, 1000) == [1])
    }

    @Test func afterALongPauseAllThatIsDueComesOnce() {
        var wheel = Self.wheel(buckets: 4)
        for member in UInt64(0)..<20 { wheel.schedule(member, at: Self.at(Int64(member) * 130)) }
        wheel.schedule(99, at: Self.at(1_000_000))
        #expect(due(&wheel, 500_000) == Array(0..<20))
        #expect(wheel.count == 1)
        #expect(due(&wheel, 999_999) == [])
        #expect(due(&wheel, 1_000_000) == [99])
    }

    @Test func neverIsNeverReached() {
        var wheel = Self.wheel()
        wheel.schedule(1, at: .distantFuture)
        #expect(due(&wheel, 1_000_000_000) == [])
        #expect(wheel.count == 1)
    }

    @Test func timeThatStandsStillOrGoesBackVisitsNobody() {
        var wheel = Self.wheel(now: Self.at(500))
        wheel.schedule(1, at: Self.at(550))
        #expect(due(&wheel, 500) == [])
        #expect(due(&wheel, 100) == [])
        #expect(due(&wheel, 600) == [1])
    }

    /// Against a list of deadlines.
    @Test(arguments: 0..<100)
    func itAgreesWithAList(seed: Int) {
        var random = SeededGenerator(seed)
        let tick = Instant.Span(nanoseconds: Int64(1 + random.below(1000)))
        let buckets = 1 + random.below(12)
        var now = Int64(random.below(10_000))
        var wheel = TimingWheel(tick: tick, buckets: buckets, now: Instant(nanoseconds: now))
        var waiting: [(member: UInt64, tick: Int64)] = []
        var member: UInt64 = 0
        for _ in 0..<300 {
            if random.oneIn(2) {
                let deadline = max(0, now + Int64(random.below(40_000)) - 5_000)
                wheel.schedule(member, at: Instant(nanoseconds: deadline))
                let first = (deadline + tick.nanoseconds - 1) / tick.nanoseconds
                waiting.append((member, max(first, now / tick.nanoseconds + 1)))
                member += 1
            } else {
                now += Int64(random.oneIn(10) ? random.below(100_000) : random.below(2_000))
                var due: [UInt64] = []
                wheel.advance(to: Instant(nanoseconds: now), into: &due)
                let reached = now / tick.nanoseconds
                let expected = waiting.filter { $0.tick <= reached }.map(\.member)
                waiting.removeAll { $0.tick <= reached }
                #expect(due.sorted() == expected.sorted(), "seed \(seed)")
            }
            #expect(wheel.count == waiting.count, "seed \(seed)")
        }
    }
}
