import CountedAllocation
import GatewayCore
import GatewayServer
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What single decisions cost: nanoseconds and allocations for each, the least and the median of many samples. Ends with
/// 1 if one takes more than it may.
@main
enum MicroBenchmarks {
    static let samples = 40

    /// Keeps the optimizer from leaving out what nobody looks at.
    nonisolated(unsafe) static var sink = 0

    struct Result {
        let name: String
        let bound: Double
        let least: Double
        let median: Double
        let allocations: Double

        var isGood: Bool { least <= bound && allocations < 0.001 }
    }

    /// - Parameters:
    ///   - bound: nanoseconds that one may take.
    ///   - batch: how many are made between two looks at the clock.
    static func measure(_ name: String, bound: Double, batch: Int = 20_000, _ body: (Int) -> Void) -> Result {
        var times: [Double] = []
        times.reserveCapacity(samples)
        var allocations = UInt.max
        for number in 0..<batch { body(number) }
        for sample in 0..<samples {
            let before = counted_allocations()
            let start = NIODeadline.now()
            for number in 0..<batch { body(sample &* batch &+ number) }
            let span = NIODeadline.now() - start
            allocations = min(allocations, UInt(counted_allocations() - before))
            times.append(Double(span.nanoseconds) / Double(batch))
        }
        times.sort()
        return Result(
            name: name, bound: bound, least: times[0], median: times[samples / 2],
            allocations: Double(allocations) / Double(batch))
    }

    static func main() {
        let results = [
            routeByType(), chooseTransport(), ringLookup(), pool(strategy: .fifo), pool(strategy: .lifo), breaker(),
            rateLimit(),
        ]
        print("ns for each".padded(42), "least".leading, "median".leading, "may take".leading, "allocations".leading)
        for result in results {
            print(
                result.name.padded(42), result.least.shown, result.median.shown, result.bound.shown,
                result.allocations.shown, result.isGood ? "" : "  MISSED")
        }
        if !results.allSatisfy(\.isGood) { exit(1) }
    }

    /// The first of ten routes that takes a message's type.
    static func routeByType() -> Result {
        var routes = (0..<8).map { Route(pattern: "service\($0).*", handler: .events) }
        routes += [Route(pattern: "echo", handler: .echo), Route(pattern: "*", handler: .events)]
        let types = ["service7.created", "echo", "a.type.that.only.the.last.takes", "service0.x"]
        return measure("route by type, 10 routes", bound: 1000) { number in
            sink &+= routes.firstIndex { $0.matches(types[number & 3]) } ?? 0
        }
    }

    /// A message for a client with two transports finds its place and its connection, which then takes it.
    static func chooseTransport() -> Result {
        var session = Session(epoch: Epoch(1), now: .zero)
        var wakes = WakeSet(loops: 1)
        let limits = SessionLimits()
        let stream = ConnectionID(loop: 0, slot: 0, generation: 1)
        let socket = ConnectionID(loop: 0, slot: 1, generation: 1)
        _ = session.attach(
            .init(connection: stream, transport: .eventStream), limits: limits, now: .zero, wakes: &wakes)
        _ = session.attach(.init(connection: socket, transport: .webSocket), limits: limits, now: .zero, wakes: &wakes)
        let tail = #""id":"m","data":{}}"#
        let message = Message(
            tail: ByteBuffer(string: tail), idOffset: 6, idLength: 1, topic: nil, event: nil, priority: .normal,
            isDurable: false, transport: .webSocket, key: nil, acceptedAt: .zero, expiresAt: .distantFuture)
        var batch: [Session.Delivery] = []
        batch.reserveCapacity(16)
        return measure("choose the transport, hand over a message", bound: 1000) { number in
            let now = Instant(nanoseconds: Int64(number))
            _ = session.append(message, limits: limits, now: now, wakes: &wakes)
            batch.removeAll(keepingCapacity: true)
            var notices = Session.Notices()
            let result = session.take(
                socket, flushed: session.nextSequence, maxMessages: 10, maxBytes: 65_536, limits: limits, now: now,
                into: &batch, notices: &notices, wakes: &wakes)
            wakes.removeAll(loop: 0)
            if case .drained = result { sink &+= batch.count }
        }
    }

    static func ringLookup() -> Result {
        let ring = HashRing((0..<100).map { HashRing.Node(id: "node-\($0)") })
        let keys = (0..<1024).map { "client-\($0)-\($0 &* 7919)" }
        return measure("ring look-up, 100 nodes of 150 points", bound: 200) { number in
            sink &+= ring.node(for: keys[number & 1023]) ?? 0
        }
    }

    static func pool(strategy: LeasePool.Strategy) -> Result {
        var pool = LeasePool(limits: .init(size: 100, overflow: 50, strategy: strategy))
        var effects = LeasePool.Effects()
        // As many as there may be are open and idle.
        for _ in 0..<100 { _ = pool.checkout(now: .zero, effects: &effects) }
        for resource in effects.open { _ = pool.opened(resource, now: .zero, effects: &effects) }
        for grant in effects.granted { _ = pool.checkin(grant.lease, now: .zero, effects: &effects) }
        effects.removeAll()
        return measure("pool checkout and checkin, \(strategy.rawValue)", bound: 1000) { number in
            let now = Instant(nanoseconds: Int64(number))
            guard case .leased(let lease) = pool.checkout(now: now, effects: &effects) else { return }
            sink &+= pool.checkin(lease, now: now, effects: &effects) ? 1 : 0
        }
    }

    static func breaker() -> Result {
        var breaker = CircuitBreaker(limits: .init())
        return measure("breaker: permit and success", bound: 1000) { number in
            let now = Instant(nanoseconds: Int64(number) &* 1000)
            guard case .admitted(let permit) = breaker.admit(now: now) else { return }
            breaker.succeeded(permit, now: now)
            sink &+= 1
        }
    }

    static func rateLimit() -> Result {
        let limit = RateLimit(rate: 1_000_000, burst: 1000)
        var usage = RateLimit.Usage()
        return measure("rate limit", bound: 1000) { number in
            if case .admitted = limit.admit(&usage, now: Instant(nanoseconds: Int64(number) &* 2000)) { sink &+= 1 }
        }
    }
}

extension String {
    fileprivate func padded(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
    fileprivate var leading: String { String(repeating: " ", count: max(0, 12 - count)) + self }
}

extension Double {
    fileprivate var shown: String {
        let tenths = Int((self * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)".leading
    }
}
