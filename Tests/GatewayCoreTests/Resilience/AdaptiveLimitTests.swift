import Testing

@testable import GatewayCore

@Suite struct AdaptiveLimitTests {
    private static let limits = AdaptiveLimit.Limits(
        initial: 32, minimum: 4, maximum: 256, slack: .milliseconds(1))

    /// Calls at a time, round after round, each as long as told.
    private static func run(
        _ limit: inout AdaptiveLimit, calls: Int, rounds: Int, span: Instant.Span, at now: inout Instant,
        outcome: AdaptiveLimit.Outcome = .answered
    ) {
        for _ in 0..<rounds {
            let begun = now
            for _ in 0..<calls { limit.begin(now: now) }
            now = now + span
            for _ in 0..<calls { limit.end(begunAt: begun, now: now, outcome) }
        }
    }

    @Test func boundsAreKept() {
        #expect(AdaptiveLimit.Limits(initial: 1, minimum: 4, maximum: 8).initial == 4)
        #expect(AdaptiveLimit.Limits(initial: 100, minimum: 4, maximum: 8).initial == 8)
        var limit = AdaptiveLimit(limits: .fixed(3))
        var now = Instant.zero
        Self.run(&limit, calls: 3, rounds: 50, span: .milliseconds(5), at: &now)
        Self.run(&limit, calls: 3, rounds: 50, span: .seconds(5), at: &now)
        Self.run(&limit, calls: 3, rounds: 50, span: .seconds(5), at: &now, outcome: .dropped)
        #expect(limit.limit == 3 && limit.inFlight == 0)
    }

    @Test func itHasRoomUntilItIsReached() {
        var limit = AdaptiveLimit(limits: Self.limits)
        for _ in 0..<32 {
            #expect(limit.hasRoom)
            limit.begin(now: .zero)
        }
        #expect(!limit.hasRoom)
        limit.end(begunAt: .zero, now: .zero, .ignored)
        #expect(limit.hasRoom && limit.inFlight == 31)
        #expect(limit.roundTrip == nil && limit.unloadedRoundTrip == nil, "what is ignored tells nothing")
    }

    @Test func aFastServerThatIsUsedGetsAllThereIs() {
        var limit = AdaptiveLimit(limits: Self.limits)
        var now = Instant.zero
        for _ in 0..<10 { Self.run(&limit, calls: limit.limit, rounds: 1, span: .milliseconds(1), at: &now) }
        #expect(limit.limit == 256)
    }

    @Test func itGrowsOnlyWhenItIsUsed() {
        var limit = AdaptiveLimit(limits: Self.limits)
        var now = Instant.zero
        Self.run(&limit, calls: 15, rounds: 100, span: .milliseconds(1), at: &now)
        #expect(limit.limit == 32)
        Self.run(&limit, calls: 16, rounds: 2, span: .milliseconds(1), at: &now)
        #expect(limit.limit == 64)
    }

    @Test func slowAnswersOfAServerThatIsHardlyUsedAreItsOwnBusiness() {
        var limit = AdaptiveLimit(limits: Self.limits)
        var now = Instant.zero
        Self.run(&limit, calls: 10, rounds: 20, span: .milliseconds(1), at: &now)
        Self.run(&limit, calls: 31, rounds: 100, span: .seconds(20), at: &now)
        #expect(limit.limit >= 32, "31 of 32 do not reach it")
    }

    @Test func latencyBelowTheSlackIsNoCongestion() {
        var limit = AdaptiveLimit(limits: Self.limits)
        var now = Instant.zero
        Self.run(&limit, calls: 2, rounds: 20, span: Instant.Span(nanoseconds: 50_000), at: &now)
        for _ in 0..<20 {
            Self.run(&limit, calls: limit.limit, rounds: 1, span: Instant.Span(nanoseconds: 1_000_000), at: &now)
        }
        #expect(limit.limit == 256)
    }

    @Test func congestionLowersItAndItsEndRaisesIt() {
        var limit = AdaptiveLimit(limits: Self.limits)
        var now = Instant.zero
        Self.run(&limit, calls: 2, rounds: 20, span: .milliseconds(10), at: &now)
        #expect(limit.unloadedRoundTrip == .milliseconds(10))
        for _ in 0..<10 { Self.run(&limit, calls: limit.limit, rounds: 1, span: .milliseconds(100), at: &now) }
        let low = limit.limit
        #expect(low < 16, "\(low)")
        for _ in 0..<60 { Self.run(&limit, calls: limit.limit, rounds: 1, span: .milliseconds(10), at: &now) }
        #expect(limit.limit > 4 * low)
    }

    @Test func oneSlowCallAmongFastOnesIsNoCongestion() {
        var limit = AdaptiveLimit(limits: Self.limits)
        var now = Instant.zero
        Self.run(&limit, calls: 2, rounds: 20, span: .milliseconds(10), at: &now)
        for _ in 0..<40 {
            let begun = now
            let calls = limit.limit
            for _ in 0..<calls { limit.begin(now: now) }
            now = now + .milliseconds(10)
            limit.end(begunAt: begun, now: now, .answered)
            now = now + .seconds(1)
            for _ in 1..<calls { limit.end(begunAt: begun, now: now, .answered) }
        }
        #expect(limit.limit == 256)
    }

    @Test func failuresTogetherLowerItOnce() {
        var limit = AdaptiveLimit(limits: Self.limits)
        var now = Instant.zero + .seconds(1)
        Self.run(&limit, calls: 32, rounds: 1, span: .milliseconds(10), at: &now, outcome: .dropped)
        #expect(limit.limit == 28)
        Self.run(&limit, calls: 28, rounds: 1, span: .milliseconds(10), at: &now, outcome: .dropped)
        #expect(limit.limit == 25)
        Self.run(&limit, calls: 25, rounds: 100, span: .milliseconds(10), at: &now, outcome: .dropped)
        #expect(limit.limit == 4, "not below the least")
    }

    @Test func failuresOfAServerWithLittleToDoAreNotForTheLimit() {
        var limit = AdaptiveLimit(limits: Self.limits)
        var now = Instant.zero
        Self.run(&limit, calls: 3, rounds: 100, span: .milliseconds(10), at: &now, outcome: .dropped)
        #expect(limit.limit == 32)
    }

    @Test func aServerThatHasBecomeSlowerForGoodGetsItsShareBack() {
        var limit = AdaptiveLimit(limits: Self.limits)
        var now = Instant.zero
        Self.run(&limit, calls: 2, rounds: 20, span: .milliseconds(10), at: &now)
        for _ in 0..<100 { Self.run(&limit, calls: limit.limit, rounds: 1, span: .milliseconds(80), at: &now) }
        #expect(limit.limit > 32 && limit.unloadedRoundTrip == .milliseconds(80))
    }

    @Test func aLookAtTheServerWithoutLoadEndsWhenItTakesTooLong() {
        var limit = AdaptiveLimit(limits: Self.limits)
        var now = Instant.zero
        // Flooded from the first call on: nothing is known of it without load.
        Self.run(&limit, calls: 32, rounds: 1, span: .milliseconds(500), at: &now)
        #expect(limit.limit == 4, "it looks")
        Self.run(&limit, calls: 1, rounds: 1, span: .seconds(5), at: &now)
        #expect(limit.limit == 32)
    }

    @Test func verySlowServersAreNotEmptiedForALook() {
        var limit = AdaptiveLimit(limits: Self.limits)
        var now = Instant.zero
        for _ in 0..<10 {
            Self.run(&limit, calls: limit.limit, rounds: 1, span: .seconds(3), at: &now)
            #expect(limit.limit >= 16)
        }
        // Half as much was tried, and was answered half as often.
        #expect(limit.limit >= 32)
    }

    @Test func aServerThatTakesVeryLongUnderLoadIsTriedWithLess() {
        var limit = AdaptiveLimit(limits: Self.limits)
        var now = Instant.zero
        // 100 ms for each that is there: as many a second with 4 as with 32.
        for _ in 0..<40 {
            let calls = limit.limit
            Self.run(&limit, calls: calls, rounds: 1, span: .milliseconds(Int64(100 * calls)), at: &now)
        }
        #expect(limit.limit <= 10, "\(limit.limit)")
    }
}
