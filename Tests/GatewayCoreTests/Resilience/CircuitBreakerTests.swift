import Testing

@testable import GatewayCore

@Suite struct CircuitBreakerTests {
    private static let limits = CircuitBreaker.Limits(
        backoff: Backoff(initial: .seconds(30), limit: .seconds(300), jitter: 0))

    private static func call(
        _ breaker: inout CircuitBreaker, fails: Bool, now: Instant
    ) -> CircuitBreaker.State? {
        guard case .admitted(let permit) = breaker.admit(now: now) else { return nil }
        return fails ? breaker.failed(permit, now: now, random: 0) : breaker.succeeded(permit, now: now)
    }

    @Test func statesAreWrittenAsTheRequirementsPrintThem() {
        #expect(CircuitBreaker.State.closed.rawValue == "closed")
        #expect(CircuitBreaker.State.open.rawValue == "open")
        #expect(CircuitBreaker.State.halfOpen.rawValue == "half_open")
    }

    @Test func halfOfTwentyCallsOpenIt() {
        var breaker = CircuitBreaker(limits: Self.limits)
        for index in 0..<19 { #expect(Self.call(&breaker, fails: index % 2 == 0, now: .zero) == nil) }
        #expect(Self.call(&breaker, fails: true, now: .zero) == .open)
        #expect(breaker.admit(now: .zero + .seconds(1)) == .refused(retryAfter: .seconds(29)))
    }

    @Test func failuresOfLongAgoDoNotCount() {
        var breaker = CircuitBreaker(limits: Self.limits)
        for _ in 0..<19 { _ = Self.call(&breaker, fails: true, now: .zero) }
        #expect(Self.call(&breaker, fails: true, now: .zero + .seconds(10)) == nil)
    }

    @Test func failuresInARowOpenItWithoutARatio() {
        var limits = Self.limits
        limits.consecutiveFailures = 3
        var breaker = CircuitBreaker(limits: limits)
        for fails in [true, true, false, true, true] { #expect(Self.call(&breaker, fails: fails, now: .zero) == nil) }
        #expect(Self.call(&breaker, fails: true, now: .zero) == .open)
    }

    @Test func oneProbeDecidesAndTheNextWaitIsLonger() {
        var limits = Self.limits
        limits.consecutiveFailures = 1
        var breaker = CircuitBreaker(limits: limits)
        var now = Instant.zero
        #expect(Self.call(&breaker, fails: true, now: now) == .open)
        for wait in [30, 60, 120, 240, 300, 300] as [Int64] {
            now = now + .seconds(wait)
            #expect(breaker.state(now: Instant(nanoseconds: now.nanoseconds - 1)) == .open)
            #expect(breaker.state(now: now) == .halfOpen)
            guard case .admitted(let permit) = breaker.admit(now: now), permit.isProbe else {
                Issue.record("A probe is due")
                return
            }
            #expect(breaker.admit(now: now) == .refused(retryAfter: .seconds(30)))
            #expect(breaker.failed(permit, now: now, random: 0) == .open)
        }
        now = now + .seconds(300)
        #expect(Self.call(&breaker, fails: false, now: now) == .closed)
        #expect(Self.call(&breaker, fails: true, now: now) == .open)
        #expect(breaker.admit(now: now) == .refused(retryAfter: .seconds(30)))
    }

    @Test func callsFromBeforeTheOpeningDecideNothing() {
        var limits = Self.limits
        limits.consecutiveFailures = 1
        var breaker = CircuitBreaker(limits: limits)
        guard case .admitted(let slow) = breaker.admit(now: .zero) else { return }
        _ = Self.call(&breaker, fails: true, now: .zero)
        let later = Instant.zero + .seconds(30)
        guard case .admitted(let probe) = breaker.admit(now: later) else { return }
        #expect(breaker.succeeded(slow, now: later) == nil)
        #expect(breaker.failed(slow, now: later, random: 0) == nil)
        #expect(breaker.state(now: later) == .halfOpen)
        #expect(breaker.succeeded(probe, now: later) == .closed)
    }

    @Test func anAbandonedOrVanishedProbeDoesNotKeepItShut() {
        var limits = Self.limits
        limits.consecutiveFailures = 1
        var breaker = CircuitBreaker(limits: limits)
        _ = Self.call(&breaker, fails: true, now: .zero)
        var now = Instant.zero + .seconds(30)
        guard case .admitted(let first) = breaker.admit(now: now) else { return }
        breaker.abandoned(first)
        guard case .admitted(let second) = breaker.admit(now: now) else {
            Issue.record("The place of the probe is free again")
            return
        }
        now = now + .seconds(30)
        #expect(Self.call(&breaker, fails: false, now: now) == .closed)
        #expect(breaker.failed(second, now: now, random: 0) == nil)
    }

    /// Against a model that keeps every call in a list and reads the rules off it.
    @Test(arguments: 0..<200)
    func agreesWithTheModel(seed: Int) {
        var random = SeededGenerator(seed)
        let limits = CircuitBreaker.Limits(
            ratio: random.pick([0.1, 0.5, 1]), window: .seconds(10), minimumCalls: 1 + random.below(20),
            consecutiveFailures: random.oneIn(2) ? 1 + random.below(8) : nil, probes: 1 + random.below(3),
            backoff: Backoff(initial: .seconds(3), limit: .seconds(20), jitter: random.pick([0, 0.5])))
        var breaker = CircuitBreaker(limits: limits)
        var model = BreakerModel(limits: limits)
        var now = Instant.zero
        var underWay: [(CircuitBreaker.Permit, Int)] = []
        let badness = 1 + random.below(9)
        for _ in 0..<600 {
            if random.oneIn(3) { now = now + .milliseconds(Int64(random.below(random.oneIn(20) ? 9000 : 300))) }
            #expect(breaker.state(now: now) == model.state(now: now), "seed \(seed)")
            if underWay.isEmpty || random.oneIn(2) {
                let admission = breaker.admit(now: now)
                let expected = model.admit(now: now)
                switch admission {
                case .admitted(let permit):
                    #expect(expected != nil, "seed \(seed)")
                    underWay.append((permit, expected ?? -1))
                case .refused(let wait):
                    #expect(expected == nil && wait.nanoseconds > 0, "seed \(seed)")
                }
            } else {
                let (permit, call) = underWay.remove(at: random.below(underWay.count))
                if random.oneIn(10) {
                    breaker.abandoned(permit)
                    model.abandoned(call)
                } else if random.below(10) < badness {
                    let bits = random.next()
                    let change = breaker.failed(permit, now: now, random: bits)
                    #expect(change == model.failed(call, now: now, random: bits), "seed \(seed)")
                } else {
                    #expect(breaker.succeeded(permit, now: now) == model.succeeded(call, now: now), "seed \(seed)")
                }
            }
        }
    }
}

/// The rules, read off a list of calls. A call is known by its number and remembers the span of state it began in.
private struct BreakerModel {
    let limits: CircuitBreaker.Limits
    var spans = 0
    var calls: [Int] = []
    var outcomes: [(at: Instant, failed: Bool)] = []
    var openUntil: Instant?
    var probes: (underWay: Int, succeeded: Int, expiry: Instant)?
    var openings = 0

    init(limits: CircuitBreaker.Limits) { self.limits = limits }

    func state(now: Instant) -> CircuitBreaker.State {
        if probes != nil { return .halfOpen }
        guard let openUntil else { return .closed }
        return now < openUntil ? .open : .halfOpen
    }

    mutating func admit(now: Instant) -> Int? {
        let isFresh = openUntil.map { now >= $0 } ?? false
        let isStuck = probes.map { $0.underWay + $0.succeeded >= limits.probes && now >= $0.expiry } ?? false
        if isFresh || isStuck {
            openUntil = nil
            probes = (0, 0, now + limits.backoff.initial)
            spans += 1
        }
        if openUntil != nil { return nil }
        if let probes, probes.underWay + probes.succeeded >= limits.probes { return nil }
        probes?.underWay += 1
        calls.append(spans)
        return calls.count - 1
    }

    mutating func succeeded(_ call: Int, now: Instant) -> CircuitBreaker.State? {
        guard calls[call] == spans, openUntil == nil else { return nil }
        guard var probing = probes else {
            outcomes.append((now, false))
            return nil
        }
        probing.underWay -= 1
        probing.succeeded += 1
        probes = probing
        guard probing.succeeded == limits.probes else { return nil }
        probes = nil
        outcomes = []
        openings = 0
        spans += 1
        return .closed
    }

    mutating func failed(_ call: Int, now: Instant, random: UInt64) -> CircuitBreaker.State? {
        guard calls[call] == spans, openUntil == nil else { return nil }
        if probes == nil {
            outcomes.append((now, true))
            // Whole seconds: the window moves by tenths of its span.
            let oldest = now.nanoseconds / 1_000_000_000 - 9
            let recent = outcomes.filter { $0.at.nanoseconds / 1_000_000_000 >= oldest }
            let failures = recent.count(where: \.failed)
            let inARow = outcomes.reversed().prefix { $0.failed }.count
            let isBad =
                recent.count >= limits.minimumCalls && Double(failures) >= limits.ratio * Double(recent.count)
            guard isBad || inARow >= limits.consecutiveFailures ?? .max else { return nil }
        }
        probes = nil
        openUntil = now + limits.backoff.delay(attempt: openings, random: random)
        openings += 1
        spans += 1
        return .open
    }

    mutating func abandoned(_ call: Int) {
        guard calls[call] == spans else { return }
        probes?.underWay -= 1
    }
}
