import GatewayCore
import Testing

struct HandshakePacerTests {
    private static func at(_ milliseconds: Int64) -> Instant { .zero + .milliseconds(1_000_000 + milliseconds) }

    @Test func `a burst goes in at once, then one after the other, then nobody`() {
        var pacer = HandshakePacer(rate: 10, burst: 3, maxDelay: .milliseconds(200))
        for _ in 0..<3 { #expect(pacer.arrive(now: Self.at(0), chance: 0) == .now) }
        #expect(pacer.arrive(now: Self.at(0), chance: 0) == .at(Self.at(100)))
        #expect(pacer.arrive(now: Self.at(0), chance: 0) == .at(Self.at(200)))
        #expect(
            pacer.arrive(now: Self.at(0), chance: 0) == .refused(at: Self.at(100), retryAfter: .milliseconds(200)))
        // Whoever was refused takes nobody's turn.
        #expect(pacer.arrive(now: Self.at(100), chance: 0) == .at(Self.at(300)))
    }

    @Test func `those that are refused come back one after the other`() {
        var pacer = HandshakePacer(rate: 100, burst: 1, maxDelay: .seconds(0))
        #expect(pacer.arrive(now: Self.at(0), chance: 0) == .now)
        let spans = (0..<1000).map { _ in
            guard case .refused(Self.at(0), let span) = pacer.arrive(now: Self.at(0), chance: 0) else {
                return Instant.Span.seconds(-1)
            }
            return span
        }
        #expect(spans == (1...1000).map { .milliseconds($0 * 10) })
    }

    @Test func `nobody is sent away at once, nor all at the same time`() {
        var pacer = HandshakePacer(rate: 100, burst: 1, maxDelay: .seconds(4))
        var random = SeededGenerator(1)
        var times: Set<Instant> = []
        for _ in 0..<1000 {
            guard case .refused(let time, _) = pacer.arrive(now: Self.at(0), chance: random.next()) else { continue }
            #expect(time >= Self.at(2000) && time < Self.at(4000))
            times.insert(time)
        }
        #expect(times.count > 590)
    }

    @Test func `beyond a minute they are spread by chance`() {
        var pacer = HandshakePacer(rate: 1, burst: 1, maxDelay: .seconds(0))
        for chance in 0..<500 {
            guard
                case .refused(_, let span) = pacer.arrive(
                    now: Self.at(0), chance: UInt64(chance) &* 0x9E37_79B9_7F4A_7C15)
            else { continue }
            #expect(span > .seconds(0) && span <= HandshakePacer.maxRetry)
            if chance > 60 { #expect(span >= .seconds(30)) }
        }
    }

    @Test(arguments: 0..<20)
    func `never more than the rate and the burst in any window`(seed: Int) {
        var random = SeededGenerator(seed)
        let rate = 1 + random.below(500)
        let burst = 1 + random.below(50)
        let maxDelay = Instant.Span.milliseconds(Int64(random.below(3000)))
        var pacer = HandshakePacer(rate: Double(rate), burst: burst, maxDelay: maxDelay)
        var now = Self.at(0)
        var turns: [Instant] = []
        for _ in 0..<3000 {
            if random.oneIn(3) { now = now + .milliseconds(Int64(random.below(random.oneIn(50) ? 2000 : 5))) }
            switch pacer.arrive(now: now, chance: random.next()) {
            case .now: turns.append(now)
            case .at(let time):
                #expect(time > now && time - now <= maxDelay)
                turns.append(time)
            case .refused(let time, let span):
                #expect(span > .seconds(0) && span <= HandshakePacer.maxRetry)
                #expect(time >= now && time - now <= maxDelay)
            }
        }
        // First come, first served.
        #expect(turns == turns.sorted())
        for window in [Instant.Span.milliseconds(100), .seconds(1), .seconds(7)] {
            let allowed = window.seconds * Double(rate) + Double(burst) + 0.001
            var first = 0
            for last in turns.indices {
                while turns[last] - turns[first] >= window { first += 1 }
                #expect(Double(last - first + 1) <= allowed + 1)
            }
        }
    }
}
