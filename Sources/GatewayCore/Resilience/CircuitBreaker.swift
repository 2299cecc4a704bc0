/// Stops calls to something that keeps failing, and tries it again after a while.
///
/// It opens when the share of failures over a window reaches a ratio, given enough calls, or after a number of failures in
/// a row. While open it refuses; after a backoff it lets a few probes through: when they succeed it closes, when one fails
/// it opens again for longer. It judges only what its owner reports: failures of transport, not answers that say no.
public struct CircuitBreaker: Sendable {
    public struct Limits: Equatable, Sendable {
        /// `circuit_breaker.threshold`: share of failures that opens it.
        public var ratio: Double
        /// Over which time calls are counted.
        public var window: Instant.Span
        /// Fewer calls than this in the window say nothing about a share.
        public var minimumCalls: Int
        /// `routing.failover_threshold`: failures in a row that open it; nil: they do not.
        public var consecutiveFailures: Int?
        /// Probes that must succeed, and that may be under way at once.
        public var probes: Int
        /// How long it stays open; `initial` is `circuit_breaker.timeout`.
        public var backoff: Backoff

        public init(
            ratio: Double = 0.5, window: Instant.Span = .seconds(10), minimumCalls: Int = 20,
            consecutiveFailures: Int? = nil, probes: Int = 1,
            backoff: Backoff = Backoff(initial: .seconds(30), limit: .seconds(300), jitter: 0.2)
        ) {
            precondition(
                ratio > 0 && ratio <= 1 && minimumCalls >= 1 && probes >= 1, "A breaker must be able to open and close")
            precondition(consecutiveFailures ?? 1 >= 1, "A failure opens it at the earliest")
            self.ratio = ratio
            self.window = window
            self.minimumCalls = minimumCalls
            self.consecutiveFailures = consecutiveFailures
            self.probes = probes
            self.backoff = backoff
        }
    }

    /// As the requirements print it.
    public enum State: String, Equatable, Sendable {
        case closed
        case open
        case halfOpen = "half_open"
    }

    /// The right to one call. Its outcome counts only in the state that let it through.
    public struct Permit: Equatable, Sendable {
        let era: UInt32
        public let isProbe: Bool
    }

    public enum Admission: Equatable, Sendable {
        /// Report it with `succeeded`, `failed` or `abandoned`.
        case admitted(Permit)
        case refused(retryAfter: Instant.Span)
    }

    private enum Phase: Equatable, Sendable {
        /// Can transition to: open.
        case closed
        /// Can transition to: halfOpen.
        case open(until: Instant)
        /// `expiry` is when probes that never came back are given up. Can transition to: closed, open.
        case halfOpen(underWay: Int, succeeded: Int, expiry: Instant)
    }

    public let limits: Limits
    private var phase = Phase.closed
    private var era: UInt32 = 0
    /// `first` are failures, `second` successes.
    private var window: SlidingWindow
    private var failuresInARow = 0
    /// How often it opened since it was last closed.
    private var openings = 0

    public init(limits: Limits) {
        self.limits = limits
        window = SlidingWindow(span: limits.window)
    }

    /// An open breaker whose time is up counts as half open: the next call will be a probe.
    public func state(now: Instant) -> State {
        switch phase {
        case .closed: .closed
        case .open(let until): now < until ? .open : .halfOpen
        case .halfOpen: .halfOpen
        }
    }

    /// Asks for a call.
    public mutating func admit(now: Instant) -> Admission {
        switch phase {
        case .closed:
            return .admitted(Permit(era: era, isProbe: false))
        case .open(let until):
            guard now >= until else { return .refused(retryAfter: until - now) }
            era &+= 1
            return probe(underWay: 0, succeeded: 0, expiry: now + limits.backoff.initial)
        case .halfOpen(let underWay, let succeeded, let expiry):
            if underWay + succeeded < limits.probes {
                return probe(underWay: underWay, succeeded: succeeded, expiry: expiry)
            }
            guard now >= expiry else { return .refused(retryAfter: expiry - now) }
            // What was let through has vanished without a word; it must not keep the breaker shut for ever.
            era &+= 1
            return probe(underWay: 0, succeeded: 0, expiry: now + limits.backoff.initial)
        }
    }

    private mutating func probe(underWay: Int, succeeded: Int, expiry: Instant) -> Admission {
        phase = .halfOpen(underWay: underWay + 1, succeeded: succeeded, expiry: expiry)
        return .admitted(Permit(era: era, isProbe: true))
    }

    /// The call went well. Answers the new state when it changed.
    @discardableResult
    public mutating func succeeded(_ permit: Permit, now: Instant) -> State? {
        guard permit.era == era else { return nil }
        switch phase {
        case .closed:
            failuresInARow = 0
            window.add(second: 1, now: now)
            return nil
        case .halfOpen(let underWay, let succeeded, let expiry):
            guard succeeded + 1 >= limits.probes else {
                phase = .halfOpen(underWay: underWay - 1, succeeded: succeeded + 1, expiry: expiry)
                return nil
            }
            phase = .closed
            era &+= 1
            openings = 0
            failuresInARow = 0
            window.removeAll()
            return .closed
        case .open: return nil
        }
    }

    /// The call failed. Answers the new state when it changed.
    ///
    /// - Parameter random: 64 random bits for the jitter.
    @discardableResult
    public mutating func failed(_ permit: Permit, now: Instant, random: UInt64) -> State? {
        guard permit.era == era else { return nil }
        switch phase {
        case .closed:
            failuresInARow += 1
            window.add(first: 1, now: now)
            let calls = window.total.first + window.total.second
            let isBad = calls >= limits.minimumCalls && Double(window.total.first) >= limits.ratio * Double(calls)
            let isDown = limits.consecutiveFailures.map { failuresInARow >= $0 } ?? false
            guard isBad || isDown else { return nil }
        case .halfOpen: break
        case .open: return nil
        }
        phase = .open(until: now + limits.backoff.delay(attempt: openings, random: random))
        openings += 1
        era &+= 1
        return .open
    }

    /// Somebody has found by other means that it works again. Answers the new state when it changed.
    @discardableResult
    public mutating func recovered() -> State? {
        guard phase != .closed else { return nil }
        phase = .closed
        era &+= 1
        openings = 0
        failuresInARow = 0
        window.removeAll()
        return .closed
    }

    /// The call ended without telling anything, for instance because the caller left.
    public mutating func abandoned(_ permit: Permit) {
        guard permit.era == era, case .halfOpen(let underWay, let succeeded, let expiry) = phase else { return }
        phase = .halfOpen(underWay: underWay - 1, succeeded: succeeded, expiry: expiry)
    }
}
