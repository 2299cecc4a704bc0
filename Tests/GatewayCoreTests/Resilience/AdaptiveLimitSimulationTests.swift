import Testing

@testable import GatewayCore

/// A server of known capacity behind a gate: so many workers; a call takes longer the more there are beyond them.
private struct SimulatedServer {
    var gate: ConcurrencyGate
    var generator: SeededGenerator
    var now = Instant.zero + .seconds(1)
    /// Calls at once up to which none waits for another.
    var workers = 8.0
    var service = 0.020
    /// 1: what is too much only waits. More: the server loses itself.
    var collapse = 1.0
    private var running: [(end: Instant, begun: Instant, asked: Instant)] = []
    private var asked: [ConcurrencyGate.Ticket: Instant] = [:]
    private(set) var latencies: [Double] = []
    private(set) var limits: [Int] = []

    init(_ limits: AdaptiveLimit.Limits, seed: UInt64) {
        gate = ConcurrencyGate(limits: limits, queue: 10_000)
        generator = SeededGenerator(Int(seed))
    }

    private mutating func begin(asked: Instant) {
        let load = max(1, Double(gate.limit.inFlight) / workers)
        var factor = 1.0
        var left = collapse
        while left > 0 {
            factor *= load
            left -= 1
        }
        let jitter = 0.9 + 0.2 * Double(generator.next() >> 11) / Double(1 << 53)
        let end = now + Instant.Span(nanoseconds: Int64(service * factor * jitter * 1e9))
        // The next to end is the last.
        var (low, high) = (0, running.count)
        while low < high {
            let middle = (low + high) / 2
            if running[middle].end > end { low = middle + 1 } else { high = middle }
        }
        running.insert((end, now, asked), at: low)
    }

    private mutating func ask() {
        switch gate.enter(deadline: .distantFuture, now: now) {
        case .entered: begin(asked: now)
        case .waiting(let ticket): asked[ticket] = now
        case .queueFull, .timeout: Issue.record("nobody was to be refused")
        }
    }

    private mutating func settle(until end: Instant, _ clients: Int) {
        let before = running.count + asked.count
        while let call = running.last, call.end < end {
            running.removeLast()
            now = call.end
            latencies.append((call.end - call.begun).seconds)
            gate.leave(begunAt: call.begun, now: now, .answered)
            while let ticket = gate.next(now: now) { begin(asked: asked.removeValue(forKey: ticket) ?? now) }
            limits.append(gate.limit.limit)
            if running.count + asked.count < min(before, clients) { ask() }
        }
        now = end
    }

    /// Clients of which each calls again as soon as it is answered.
    /// - Returns: answers a second, and the 99th percentile of what they took in the server.
    mutating func flood(_ clients: Int, seconds: Int64) -> (rate: Double, p99: Double) {
        latencies = []
        limits = []
        let end = now + .seconds(seconds)
        while running.count + asked.count < clients {
            settle(until: now + .milliseconds(1), clients)
            ask()
        }
        settle(until: end, clients)
        let sorted = latencies.sorted()
        return (Double(sorted.count) / Double(seconds), sorted.isEmpty ? 0 : sorted[sorted.count * 99 / 100])
    }
}

@Suite struct AdaptiveLimitSimulationTests {
    private static let limits = AdaptiveLimit.Limits(
        initial: 100, minimum: 2, maximum: 1000, slack: .milliseconds(5))

    private static func median(_ limits: [Int]) -> Int { limits.sorted()[limits.count / 2] }

    @Test(arguments: 0..<3 as Range<UInt64>) func theLimitComesToTheKnee(seed: UInt64) {
        var server = SimulatedServer(Self.limits, seed: seed)
        _ = server.flood(200, seconds: 5)
        let (rate, p99) = server.flood(200, seconds: 30)
        let limit = Self.median(server.limits)
        #expect((8...28).contains(limit), "\(limit) for a server of 8")
        // 8 workers of 20 ms: 400 a second at the best, and 500 ms with everybody inside.
        #expect(rate > 360, "\(rate)")
        #expect(p99 < 0.1, "\(p99)")
    }

    @Test(arguments: 0..<3 as Range<UInt64>) func aServerThatLosesItselfIsKeptFromIt(seed: UInt64) {
        var off = SimulatedServer(.fixed(200), seed: seed)
        off.collapse = 2
        let without = off.flood(200, seconds: 60)
        var on = SimulatedServer(Self.limits, seed: seed)
        on.collapse = 2
        _ = on.flood(200, seconds: 15)
        let with = on.flood(200, seconds: 60)
        #expect(with.rate > 5 * without.rate, "\(with.rate), \(without.rate) without")
        #expect(with.p99 < without.p99 / 20, "\(with.p99), \(without.p99) without")
    }

    @Test func itFollowsTheServersCapacity() {
        var server = SimulatedServer(Self.limits, seed: 1)
        _ = server.flood(200, seconds: 10)
        let small = Self.median(server.limits)
        server.workers = 40
        _ = server.flood(200, seconds: 20)
        _ = server.flood(200, seconds: 10)
        let large = Self.median(server.limits)
        #expect(large > 2 * small && large >= 40, "\(small), then \(large)")
        server.workers = 8
        _ = server.flood(200, seconds: 20)
        let (_, p99) = server.flood(200, seconds: 10)
        #expect(Self.median(server.limits) <= 28 && p99 < 0.15, "\(Self.median(server.limits)), \(p99)")
    }

    @Test func theLookAtTheServerWithoutLoadCostsLittle() {
        // As slow as this always, and able: nothing is to be gained by a limit.
        var free = SimulatedServer(.fixed(1000), seed: 2)
        free.workers = 1000
        free.service = 0.2
        let without = free.flood(300, seconds: 120)
        var server = SimulatedServer(Self.limits, seed: 2)
        server.workers = 1000
        server.service = 0.2
        _ = server.flood(300, seconds: 30)
        let with = server.flood(300, seconds: 120)
        #expect(with.rate > 0.85 * without.rate, "\(with.rate), \(without.rate) without")
    }
}
