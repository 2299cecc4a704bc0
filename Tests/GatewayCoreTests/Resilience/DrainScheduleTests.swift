import GatewayCore
import Testing

struct DrainScheduleTests {
    private static let second = Instant.Span.seconds(1)

    @Test(arguments: [(1, 1), (7, 2), (500, 1), (5_000, 2), (19_000, 4)])
    func `goodbyes and returns keep the rate when there is time`(clients: Int, loops: Int) {
        let rate = 500.0
        let schedule = DrainSchedule(count: clients, rate: rate, window: .seconds(3_600), minimumWait: Self.second)
        let told = Self.run(schedule, clients: clients, loops: loops)
        #expect(told.count == clients)
        #expect(schedule.duration == schedule.spread)
        // With time enough nobody waits longer than anybody else.
        #expect(told.allSatisfy { $0.wait == Self.second })
        Self.expect(told.map(\.at), keep: rate)
    }

    @Test(arguments: [(5_000, 2), (19_000, 1)])
    func `without time for the rate all are told in time, and the waits make up for it`(clients: Int, loops: Int) {
        let window = Instant.Span.seconds(2)
        let schedule = DrainSchedule(count: clients, rate: 500, window: window, minimumWait: Self.second)
        let told = Self.run(schedule, clients: clients, loops: loops)
        #expect(told.count == clients)
        #expect(told.allSatisfy { $0.at < .zero + window && $0.wait >= Self.second })
        Self.expect(told.map { $0.at + $0.wait }, keep: 500)
    }

    @Test func `without any time all are told at once`() {
        let schedule = DrainSchedule(
            count: 100, rate: 10, window: Instant.Span(nanoseconds: -1), minimumWait: Self.second)
        let told = Self.run(schedule, clients: 100, loops: 1)
        #expect(told.allSatisfy { $0.at == .zero })
        Self.expect(told.map { $0.at + $0.wait }, keep: 10)
    }

    @Test func `nobody to tell is no work`() {
        let schedule = DrainSchedule(count: 0, rate: 10, window: .seconds(1), minimumWait: Self.second)
        var goodbyes = PacedGoodbyes<Int>([], schedule, begunAt: .zero, offset: 0)
        #expect(goodbyes.nextAt == nil)
        #expect(goodbyes.take(now: .distantFuture) == nil)
    }

    private struct Told {
        let client: Int
        let at: Instant
        let wait: Instant.Span
    }

    /// Plays the part of the event loops: each comes back exactly when it has asked for it.
    private static func run(_ schedule: DrainSchedule, clients: Int, loops: Int) -> [Told] {
        var told: [Told] = []
        for loop in 0..<loops {
            let own = Array(stride(from: loop, to: clients, by: loops))
            var goodbyes = PacedGoodbyes(
                own, schedule, begunAt: .zero, offset: (Double(loop) + 0.5) / Double(loops))
            while let now = goodbyes.nextAt {
                if now > .zero { #expect(goodbyes.take(now: Instant(nanoseconds: now.nanoseconds - 1)) == nil) }
                while let (client, wait) = goodbyes.take(now: now) {
                    told.append(Told(client: client, at: now, wait: wait))
                }
            }
            #expect(goodbyes.left == 0)
        }
        #expect(Set(told.map(\.client)).count == clients)
        return told
    }

    /// In no second are there more than `rate`, but for one for each event loop at its edges.
    private static func expect(_ times: [Instant], keep rate: Double) {
        let sorted = times.sorted()
        var first = 0
        for (index, time) in sorted.enumerated() {
            while time - sorted[first] >= second { first += 1 }
            #expect(Double(index - first + 1) <= rate * 1.02 + 4)
        }
    }
}
