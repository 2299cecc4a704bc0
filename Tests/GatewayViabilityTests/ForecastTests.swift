import GatewayCore
import GatewayViability
import TestSupport
import Testing

struct ForecastTests {
    @Test func aTrendIsForetold() throws {
        var trial = ForecastTrial(horizon: 6)
        var switched: [Bool] = []
        for step in 0..<100 where trial.observe(Double(step) * 10) { switched.append(trial.isUsed) }
        #expect(trial.isUsed && switched == [true])
        #expect(abs(try #require(trial.forecast) - 1050) < 30)
        #expect(try #require(trial.skill) > 0.5)
        // 990 now, ten more each step.
        let steps = try #require(trial.steps(to: 1090))
        #expect((9...18).contains(steps))
        #expect(trial.steps(to: 100) == 0)
        #expect(trial.steps(to: 1e9) == nil, "not within sight")
    }

    @Test func chanceIsNotForetold() {
        var random = SeededGenerator(7)
        var trial = ForecastTrial(horizon: 6)
        // A random walk: the last figure is the best forecast that there is.
        var value = 1000.0
        var used = 0
        for _ in 0..<1000 {
            value += Double.random(in: -10...10, using: &random)
            _ = trial.observe(value)
            if trial.isUsed { used += 1 }
        }
        #expect(used < 100, "used on \(used) of 1000 steps")
        if !trial.isUsed { #expect(trial.forecast == nil && trial.steps(to: value + 1) == nil) }
    }

    @Test func aForecastThatNoLongerHelpsIsGivenUp() {
        var random = SeededGenerator(3)
        var trial = ForecastTrial(horizon: 6)
        for step in 0..<100 { _ = trial.observe(Double(step)) }
        #expect(trial.isUsed)
        var wasSwitchedOff = false
        var value = 100.0
        for _ in 0..<400 {
            value += Double.random(in: -30...30, using: &random)
            if trial.observe(value), !trial.isUsed { wasSwitchedOff = true }
        }
        #expect(wasSwitchedOff)
    }

    @Test func nothingIsClaimedBeforeThereIsSomethingToCompare() {
        var trial = ForecastTrial(horizon: 6)
        for step in 0..<(6 + ForecastTrial.leastComparisons - 1) { _ = trial.observe(Double(step)) }
        #expect(trial.skill == nil && !trial.isUsed && trial.comparisons == ForecastTrial.leastComparisons - 1)
        _ = trial.observe(25)
        #expect(trial.skill != nil)
    }

    @Test func aSeasonIsLearned() {
        var plain = HoltWinters()
        var seasonal = HoltWinters(period: 8)
        func value(_ step: Int) -> Double { step % 8 < 4 ? 100 : 200 }
        var errors = (plain: 0.0, seasonal: 0.0)
        for step in 0..<400 {
            if step > 200 {
                errors.plain += abs(plain.forecast(4) - value(step + 3))
                errors.seasonal += abs(seasonal.forecast(4) - value(step + 3))
            }
            plain.observe(value(step))
            seasonal.observe(value(step))
        }
        #expect(errors.seasonal < errors.plain / 2)
    }

    @Test func aSurgeIsNoticedAndDoesNotBecomeTheRule() {
        var random = SeededGenerator(11)
        var surges = SurgeDetector()
        var told = (0..<100).count { _ in surges.observe(Double.random(in: 5...15, using: &random)) }
        #expect(told == 0)
        #expect((8...12).contains(surges.usual ?? 0))
        told = (0..<50).count { _ in surges.observe(500) }
        #expect(surges.isSurging && told == 1, "told once")
        let isTold = surges.observe(10)
        #expect(!isTold && !surges.isSurging)
        let isToldAgain = surges.observe(500)
        #expect(isToldAgain)
    }

    @Test func capacityIsCalledShortAtItsThresholdWithHysteresis() {
        var watch = CapacityWatch()
        let raised = [84.9, 85, 99, 80, 79.9, 85].map { watch.observe(.memory, used: $0)?.isRaised }
        #expect(raised == [nil, true, nil, nil, false, true])
        #expect(watch.short == [.memory])
        for (resource, threshold) in [(Resource.processor, 80.0), (.connections, 90), (.bandwidth, 70)] {
            let alerts = [threshold - 0.1, threshold].map { watch.observe(resource, used: $0)?.threshold }
            #expect(alerts == [nil, Int(threshold)])
        }
    }
}
