import Testing

@testable import GatewayCore

@Suite struct BackoffTests {
    @Test func doublesUpToTheLimit() {
        let backoff = Backoff(initial: .seconds(1), limit: .seconds(60), jitter: 0)
        #expect((0..<8).map { backoff.delay(attempt: $0, random: 1).seconds } == [1, 2, 4, 8, 16, 32, 60, 60])
        #expect(backoff.delay(attempt: .max, random: 1) == .seconds(60))
    }

    @Test(arguments: 0..<20)
    func jitterShortensAndSpreads(seed: Int) {
        var random = SeededGenerator(seed)
        let backoff = Backoff(initial: .milliseconds(100), limit: .seconds(10), jitter: 0.5)
        for attempt in 0..<10 {
            let full = Backoff(initial: backoff.initial, limit: backoff.limit, jitter: 0)
                .delay(attempt: attempt, random: 0)
            let waits = (0..<200).map { _ in backoff.delay(attempt: attempt, random: random.next()) }
            #expect(waits.allSatisfy { $0 <= full && $0.nanoseconds >= full.nanoseconds / 2 })
            #expect(waits.max()!.nanoseconds - waits.min()!.nanoseconds > full.nanoseconds / 3)
        }
    }
}

@Suite struct RetryBudgetTests {
    @Test func aQuietServiceHasItsReserve() {
        var budget = RetryBudget(ratio: 0.2, reserve: 3)
        #expect((0..<5).map { _ in budget.admitRetry(now: .zero) } == [true, true, true, false, false])
        #expect(budget.admitRetry(now: .zero + .seconds(10)) == true)
    }

    /// In the ten seconds before any retry there were no more retries than a share of the calls and the reserve.
    @Test(arguments: 0..<50)
    func retriesAreAShareOfCalls(seed: Int) {
        var random = SeededGenerator(seed)
        let budget0 = (ratio: random.pick([0, 0.1, 0.2, 1]), reserve: random.below(5))
        var budget = RetryBudget(ratio: budget0.ratio, reserve: budget0.reserve)
        var now = Instant.zero
        var calls: [Int64] = []
        var retries: [Int64] = []
        for _ in 0..<800 {
            if random.oneIn(3) { now = now + .milliseconds(Int64(random.below(400))) }
            let second = now.nanoseconds / 1_000_000_000
            if random.oneIn(2) {
                budget.recordCall(now: now)
                calls.append(second)
            } else {
                let recentCalls = calls.count { $0 > second - 10 }
                let recentRetries = retries.count { $0 > second - 10 }
                let may = Double(recentRetries + 1) <= budget0.ratio * Double(recentCalls) + Double(budget0.reserve)
                #expect(budget.admitRetry(now: now) == may, "seed \(seed)")
                if may { retries.append(second) }
            }
        }
    }
}
