import GatewayCore
import TestSupport
import Testing

/// What is sent keeps to a rate, and debts are paid off.
struct EgressPacerTests {
    private static let begin = Instant.zero + .seconds(100)

    @Test func debtIsPaidOffBeforeTheNextFlush() {
        var pacer = EgressPacer(rate: 1000, burst: .milliseconds(0))
        #expect(pacer.mayGo(Self.begin))
        pacer.spend(500, Self.begin)
        #expect(pacer.next == Self.begin + .milliseconds(500))
        #expect(!pacer.mayGo(Self.begin + .milliseconds(499)) && pacer.mayGo(Self.begin + .milliseconds(500)))
    }

    @Test func whatWasNotSentIsCaughtUpWithinTheBurst() {
        var pacer = EgressPacer(rate: 1000, burst: .milliseconds(250))
        pacer.spend(250, Self.begin)
        #expect(pacer.mayGo(Self.begin))
        pacer.spend(1, Self.begin)
        #expect(pacer.next == Self.begin + .milliseconds(1))
        // However long nothing is sent, no more can be caught up.
        let later = Self.begin + .seconds(50)
        pacer.spend(300, later)
        #expect(pacer.next == later + .milliseconds(50))
    }

    @Test func aDebtStaysAsManyBytesAtAnotherRate() {
        var pacer = EgressPacer(rate: 1000, burst: .milliseconds(0))
        pacer.spend(1000, Self.begin)
        pacer.change(rate: 4000, Self.begin + .milliseconds(500))
        #expect(pacer.next == Self.begin + .milliseconds(625))
        pacer.change(rate: 0, Self.begin + .milliseconds(500))
        // Each debt ends.
        #expect(pacer.rate == 1 && pacer.next == Self.begin + .milliseconds(500) + .seconds(500))
    }

    @Test func nothingOverflows() {
        var pacer = EgressPacer(rate: 1, burst: .seconds(60))
        for _ in 0..<3 { pacer.spend(.max, .zero) }
        #expect(pacer.next > .zero + .seconds(86_400))
    }

    /// Whatever is sent when it may be: over any time from the beginning it is no more than the rate, a burst and one flush.
    @Test(arguments: 0..<200)
    func theRateIsKept(_ seed: Int) {
        var chance = SeededGenerator(seed)
        let burst = Instant.Span.milliseconds(Int64.random(in: 0...1000, using: &chance))
        var rate = Int.random(in: 1...1_000_000, using: &chance)
        var pacer = EgressPacer(rate: rate, burst: burst)
        var now = Self.begin
        var allowed = Double(rate) * burst.seconds
        var sent = 0
        var largest = 0
        var fastest = rate
        for _ in 0..<300 {
            let step = Instant.Span.milliseconds(Int64.random(in: 0...200, using: &chance))
            now = now + step
            allowed += Double(rate) * step.seconds
            if chance.oneIn(20) {
                rate = Int.random(in: 1...1_000_000, using: &chance)
                pacer.change(rate: rate, now)
                // What may be caught up is a time: at a higher rate it is more.
                if rate > fastest {
                    allowed += Double(rate - fastest) * burst.seconds
                    fastest = rate
                }
            }
            if pacer.mayGo(now) {
                let flush = Int.random(in: 1...100_000, using: &chance)
                largest = max(largest, flush)
                sent += flush
                pacer.spend(flush, now)
            } else {
                #expect(pacer.next > now)
            }
        }
        #expect(Double(sent) <= allowed + Double(fastest) * burst.seconds + Double(largest) + 300)
    }

    /// Whoever always has something to send gets the whole rate.
    @Test(arguments: 0..<50)
    func theRateIsUsedUp(_ seed: Int) {
        var chance = SeededGenerator(seed)
        let rate = Int.random(in: 1000...10_000_000, using: &chance)
        var pacer = EgressPacer(rate: rate, burst: .milliseconds(20))
        var now = Self.begin
        var sent = 0
        while now < Self.begin + .seconds(10) {
            while pacer.mayGo(now) {
                let flush = Int.random(in: 1...65_536, using: &chance)
                sent += flush
                pacer.spend(flush, now)
            }
            now = max(pacer.next, now + .milliseconds(5))
        }
        #expect(sent >= rate * 10 - 10)
    }
}
