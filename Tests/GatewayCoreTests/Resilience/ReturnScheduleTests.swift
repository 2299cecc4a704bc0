import TestSupport
import Testing

@testable import GatewayCore

struct ReturnScheduleTests {
    private static func schedule(_ rate: Double) -> ReturnSchedule {
        ReturnSchedule(rate: rate, earliest: .seconds(1), longest: .seconds(60))
    }

    @Test func eachHasAPlaceOfItsOwnAtTheRate() {
        var schedule = Self.schedule(10)
        let waits = (0..<100).map { _ in schedule.next(now: .zero, chance: 0).milliseconds }
        #expect(waits == (1...100).map { 1000 + 100 * $0 })
        #expect(schedule.given == 100 && schedule.spread(now: .zero) == .seconds(11))
        #expect(schedule.spread(now: .zero + .seconds(60)) == .seconds(0))
    }

    @Test func aPlaceThatHasPassedIsNotWaitedFor() {
        var schedule = Self.schedule(1)
        for _ in 0..<5 { _ = schedule.next(now: .zero, chance: 0) }
        let wait = schedule.next(now: .zero + .seconds(100), chance: 0)
        #expect(wait == .seconds(2))
    }

    @Test func anotherRateHoldsForFurtherPlaces() {
        var schedule = Self.schedule(1)
        _ = schedule.next(now: .zero, chance: 0)
        schedule.change(rate: 100)
        let wait = schedule.next(now: .zero, chance: 0)
        #expect(wait == .milliseconds(2010))
    }

    @Test(arguments: 1...20)
    func aHerdIsSpreadHoweverLargeItIs(seed: Int) {
        var random = SeededGenerator(seed)
        let rate = Double(1 + random.below(500))
        var schedule = Self.schedule(rate)
        var perSecond = [Int](repeating: 0, count: 62)
        let herd = 10_000
        for _ in 0..<herd {
            let wait = schedule.next(now: .zero, chance: random.next())
            #expect(wait > .seconds(1) && wait <= .seconds(60))
            perSecond[Int(wait.seconds)] += 1
        }
        // In no second more than the rate, and an even share of those that found no place within reach.
        let placed = min(Double(herd), 59 * rate)
        let most = rate + (Double(herd) - placed) / 30 + 1
        // Six standard deviations of a count.
        #expect(Double(perSecond.max() ?? 0) <= most + 6 * most.squareRoot())
    }
}
