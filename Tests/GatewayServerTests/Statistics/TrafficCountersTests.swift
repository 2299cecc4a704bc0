import GatewayCore
import Testing

@testable import GatewayServer

struct TrafficCountersTests {
    private static func at(_ seconds: Double) -> Instant { Instant(nanoseconds: Int64(seconds * 1e9)) }

    @Test func `messages are counted over the last ten whole seconds`() {
        var counters = TrafficCounters()
        counters.sent(3, bytes: 100, latency: .milliseconds(6), now: Self.at(100.9))
        #expect(counters.rates(now: Self.at(100.99)).messages == 0, "the present second is not whole")
        for second in 101...110 { #expect(counters.rates(now: Self.at(Double(second))).messages == 3) }
        #expect(counters.rates(now: Self.at(110.99)).latencyNanoseconds == 6_000_000)
        #expect(counters.rates(now: Self.at(111)).messages == 0)
        #expect(counters.messagesOut == 3)
        #expect(counters.bytesOut == 100)
    }

    @Test func `errors are counted over the last minute`() {
        var counters = TrafficCounters()
        counters.failed(now: Self.at(100))
        #expect(counters.rates(now: Self.at(100)).errors == 1)
        #expect(counters.rates(now: Self.at(159.9)).errors == 1)
        #expect(counters.rates(now: Self.at(160)).errors == 0)
        #expect(counters.errors == 1)
    }

    @Test func `a second of an earlier round is not taken for the present one`() {
        for gap in [63.0, 64, 65, 128, 6400] {
            var counters = TrafficCounters()
            counters.sent(3, bytes: 0, latency: .milliseconds(1), now: Self.at(100))
            counters.failed(now: Self.at(100))
            counters.sent(1, bytes: 0, latency: .milliseconds(1), now: Self.at(100 + gap))
            #expect(counters.rates(now: Self.at(101 + gap)).messages == 1)
            #expect(counters.rates(now: Self.at(101 + gap)).errors == 0)
        }
    }

    private struct Event {
        let second: Int64
        var messages = 0
        var bytes = 0
        var latency: Int64 = 0
        var isError = false
    }

    @Test(arguments: 0..<20)
    func `under a moving clock the figures are those of a list of all events`(seed: Int) {
        var random = SeededGenerator(seed)
        var counters = TrafficCounters()
        var events: [Event] = []
        var now: Int64 = 1_000_000_000 * Int64(random.below(1000))
        for _ in 0..<1500 {
            now += random.pick([
                0, 1, Int64(random.below(1_000_000_000)), 1_000_000_000, Int64(random.below(20_000_000_000)),
                random.oneIn(10) ? 64_000_000_000 * Int64(random.below(3)) : 0,
            ])
            let time = Instant(nanoseconds: now)
            let second = now / 1_000_000_000
            switch random.below(3) {
            case 0:
                let event = Event(
                    second: second, messages: random.below(300), bytes: random.below(1000),
                    latency: Int64(random.below(1_000_000)))
                counters.sent(event.messages, bytes: event.bytes, latency: .init(nanoseconds: event.latency), now: time)
                events.append(event)
            case 1:
                counters.failed(now: time)
                events.append(Event(second: second, isError: true))
            default: break
            }
            let rates = counters.rates(now: time)
            let recent = events.filter { $0.second < second && $0.second >= second - 10 }
            #expect(rates.messages == recent.reduce(0) { $0 + $1.messages })
            #expect(rates.latencyNanoseconds == recent.reduce(0) { $0 + $1.latency })
            #expect(rates.errors == events.count { $0.isError && $0.second > second - 60 })
        }
        #expect(counters.messagesOut == events.reduce(0) { $0 + $1.messages })
        #expect(counters.bytesOut == events.reduce(0) { $0 + $1.bytes })
        #expect(counters.errors == events.count { $0.isError })
    }
}
