import Testing

@testable import GatewayCore

/// In any window of length `w` at most `rate · w + burst` messages are admitted, and answers are exact.
@Suite struct RateLimitTests {
    @Test func theBurstComesAtOnceAndNoMore() {
        let limit = RateLimit(rate: 100, burst: 100)
        var usage = RateLimit.Usage()
        let now = Instant.zero + .seconds(5)
        for _ in 0..<100 { #expect(limit.admit(&usage, now: now) == .admitted) }
        #expect(limit.admit(&usage, now: now) == .refused(retryAfter: .milliseconds(10)))
        #expect(limit.admit(&usage, now: now + .milliseconds(4)) == .refused(retryAfter: .milliseconds(6)))
        #expect(limit.admit(&usage, now: now + .milliseconds(10)) == .admitted)
        #expect(limit.admit(&usage, now: now + .milliseconds(10)) == .refused(retryAfter: .milliseconds(10)))
    }

    @Test func aRefusalChargesNothing() {
        let limit = RateLimit(rate: 1, burst: 1)
        var usage = RateLimit.Usage()
        _ = limit.admit(&usage, now: .zero)
        let before = usage
        for _ in 0..<10 { _ = limit.admit(&usage, now: .zero + .milliseconds(5)) }
        #expect(usage == before)
    }

    @Test func silenceSavesUpNoMoreThanTheBurst() {
        let limit = RateLimit(rate: 10, burst: 3)
        var usage = RateLimit.Usage()
        _ = limit.admit(&usage, now: .zero)
        let late = Instant.zero + .seconds(86_400)
        let admitted = (0..<10).count { _ in limit.admit(&usage, now: late) == .admitted }
        #expect(admitted == 3)
    }

    @Test func remainingAndResetSayWhatIsLeft() {
        let limit = RateLimit(rate: 10, burst: 5)
        var usage = RateLimit.Usage()
        let now = Instant.zero + .seconds(1)
        #expect(limit.remaining(usage, now: now) == 5)
        #expect(limit.reset(usage, now: now) == .milliseconds(0))
        for left in [4, 3, 2, 1, 0] {
            _ = limit.admit(&usage, now: now)
            #expect(limit.remaining(usage, now: now) == left)
        }
        #expect(limit.reset(usage, now: now) == .milliseconds(500))
        #expect(limit.remaining(usage, now: now + .milliseconds(99)) == 0)
        #expect(limit.remaining(usage, now: now + .milliseconds(100)) == 1)
        #expect(limit.reset(usage, now: now + .milliseconds(100)) == .milliseconds(400))
        #expect(limit.remaining(usage, now: now + .seconds(9)) == 5)
        #expect(limit.reset(usage, now: now + .seconds(9)) == .milliseconds(0))
    }

    /// Senders that try at the worst moments: in bursts, just before and at the moment they were told, after silence.
    @Test(arguments: 0..<60)
    func noWindowAdmitsMoreThanItMay(seed: Int) {
        var random = SeededGenerator(seed)
        let rate = random.pick([1, 3, 7, 10, 100, 333, 1000, 9999])
        let burst = random.pick([1, 2, 5, 100])
        let limit = RateLimit(rate: Double(rate), burst: burst)
        var usage = RateLimit.Usage()
        var now = Instant.zero + .seconds(Int64(random.below(1000)))
        var told: Instant?
        var admitted: [Instant] = []
        for _ in 0..<400 {
            switch random.below(8) {
            case 0: now = now + .init(nanoseconds: limit.interval * Int64(random.below(burst * 2)))
            case 1: now = now + .init(nanoseconds: Int64(random.below(Int(limit.interval) + 1)))
            case 2...4:
                guard let moment = told else { break }
                // One nanosecond early it is still refused.
                let early = Instant(nanoseconds: moment.nanoseconds - 1)
                if early >= now {
                    #expect(limit.admit(&usage, now: early) == .refused(retryAfter: .init(nanoseconds: 1)))
                    now = moment
                }
            default: break
            }
            let left = limit.remaining(usage, now: now)
            switch limit.admit(&usage, now: now) {
            case .admitted:
                #expect(left > 0)
                admitted.append(now)
                told = nil
            case .refused(let span):
                #expect(left == 0 && span > .milliseconds(0))
                told = now + span
            }
        }
        for (index, start) in admitted.enumerated().prefix(150) {
            for other in index..<admitted.count {
                let window = admitted[other] - start
                let allowed = window.seconds * Double(rate) + Double(burst)
                #expect(Double(other - index + 1) <= allowed + 1e-6, "seed \(seed), window \(window.nanoseconds) ns")
            }
        }
    }

    /// What was told is kept: it is admitted exactly then.
    @Test(arguments: 0..<40)
    func retryAfterIsExact(seed: Int) {
        var random = SeededGenerator(seed)
        let limit = RateLimit(rate: Double(1 + random.below(5000)), burst: 1 + random.below(50))
        var usage = RateLimit.Usage()
        var now = Instant.zero
        for _ in 0..<200 {
            if case .refused(let span) = limit.admit(&usage, now: now) {
                var copy = usage
                let early = Instant(nanoseconds: (now + span).nanoseconds - 1)
                #expect(limit.admit(&copy, now: early) == .refused(retryAfter: .init(nanoseconds: 1)))
                now = now + span
                #expect(limit.admit(&usage, now: now) == .admitted, "seed \(seed)")
            }
            if random.oneIn(3) { now = now + .init(nanoseconds: Int64(random.below(2_000_000))) }
        }
    }
}
