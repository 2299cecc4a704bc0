import TestSupport
import Testing

@testable import GatewayCore

@Suite struct RateTableTests {
    @Test func `each key has a limit of its own, and a cost counts as so many`() {
        var table = RateTable<Int>(RateLimit(rate: 1, burst: 10), capacity: 4)
        #expect(table.admit(1, cost: 9, now: .zero) == .admitted)
        #expect(table.admit(1, cost: 2, now: .zero) == .refused(retryAfter: .seconds(1)))
        #expect(table.admit(2, cost: 99, now: .zero) == .admitted)
        #expect(table.admit(2, now: .zero) == .refused(retryAfter: .seconds(1)))
    }

    @Test func `random keys take bounded memory and do not free those that are refused`() {
        var table = RateTable<Int>(RateLimit(rate: 1, burst: 2), capacity: 100)
        var now = Instant.zero
        for _ in 0..<2 { #expect(table.admit(-1, now: now) == .admitted) }
        var admitted = 0
        for key in 0..<10_000 {
            if table.admit(key, now: now) == .admitted { admitted += 1 }
            #expect(table.count <= 100)
            #expect(table.admit(-1, now: now) != .admitted)
        }
        // Those with a place, and the burst that the others share.
        #expect(admitted <= 99 + 2)
        now = now + .seconds(10)
        #expect(table.admit(-1, now: now) == .admitted)
        #expect(table.admit(20_000, now: now) == .admitted)
        #expect(table.count <= 100)
    }

    /// Few keys, more than there is room for, at the worst moments: after silence, at the moment when a place is free.
    @Test(arguments: 0..<60) func `in no window is a key admitted more than it may`(seed: Int) {
        var random = SeededGenerator(seed)
        let rate = random.pick([1, 7, 100, 999])
        let burst = random.pick([1, 3, 20])
        let limit = RateLimit(rate: Double(rate), burst: burst)
        var table = RateTable<Int>(limit, capacity: random.pick([1, 2, 5]))
        var now = Instant.zero + .seconds(1)
        var admitted: [Int: [(Instant, Int)]] = [:]
        for _ in 0..<1500 {
            switch random.below(6) {
            case 0: now = now + .init(nanoseconds: limit.interval * Int64(random.below(burst * 2 + 1)))
            case 1: now = now + .init(nanoseconds: Int64(random.below(Int(limit.interval) + 1)))
            default: break
            }
            let key = random.below(8)
            let cost = random.oneIn(4) ? 1 + random.below(burst) : 1
            if table.admit(key, cost: cost, now: now) == .admitted { admitted[key, default: []].append((now, cost)) }
        }
        for list in admitted.values {
            for first in list.indices.prefix(80) {
                var total = 0
                for last in first..<list.count {
                    total += list[last].1
                    let window = (list[last].0 - list[first].0).seconds
                    #expect(Double(total) <= window * Double(rate) + Double(burst) + 1e-6, "seed \(seed)")
                }
            }
        }
    }
}
