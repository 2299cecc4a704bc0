/// Lets as many calls of a server be under way as its limit says; others wait in order, as many as may, each until its
/// deadline. A value without a clock: its owner says what has ended, and asks who is next.
public struct ConcurrencyGate: Sendable {
    public typealias Ticket = LeasePool.Ticket

    public enum Entry: Equatable, Sendable {
        case entered
        /// It will be told by `next` or `expired`, unless it is withdrawn.
        case waiting(Ticket)
        /// As many wait as may.
        case queueFull
        /// There is no time to wait.
        case timeout
    }

    /// What it knows of the server.
    public private(set) var limit: AdaptiveLimit
    private let queue: Int
    private var waiting = WaitingRequests()
    private var waits = (count: Int64(0), mean: Int64(0))

    /// - Parameter queue: how many may wait.
    public init(limits: AdaptiveLimit.Limits, queue: Int) {
        precondition(queue >= 0, "A queue has a length")
        limit = AdaptiveLimit(limits: limits)
        self.queue = queue
    }

    /// How many wait.
    public var queueLength: Int { waiting.count }

    /// A call wants to begin. Nobody overtakes those who wait.
    public mutating func enter(deadline: Instant, now: Instant) -> Entry {
        if limit.hasRoom, waiting.isEmpty {
            limit.begin(now: now)
            note(wait: 0)
            return .entered
        }
        guard waiting.count < queue else { return .queueFull }
        guard deadline > now else { return .timeout }
        return .waiting(waiting.append(count: 1, deadline: deadline, now: now))
    }

    /// A call that had entered has ended. Ask `next` afterwards.
    public mutating func leave(begunAt: Instant, now: Instant, _ outcome: AdaptiveLimit.Outcome) {
        limit.end(begunAt: begunAt, now: now, outcome)
    }

    /// Who may begin now; it has entered with that.
    public mutating func next(now: Instant) -> Ticket? {
        guard limit.hasRoom, let first = waiting.first else { return nil }
        note(wait: (now - first.since).nanoseconds)
        limit.begin(now: now)
        return waiting.removeFirst()
    }

    /// Who has waited until its deadline.
    public mutating func expired(by now: Instant) -> Ticket? { waiting.removeDue(by: now) }

    /// Does not want to begin any more. False: it does not wait.
    @discardableResult
    public mutating func withdraw(_ ticket: Ticket) -> Bool { waiting.remove(ticket) }

    private mutating func note(wait: Int64) {
        waits.count = min(waits.count + 1, 128)
        waits.mean += (wait - waits.mean) / waits.count
    }

    /// As a pool of permits says it.
    public var health: PoolHealth {
        PoolHealth(
            status: waiting.isEmpty ? .healthy : .exhausted, size: limit.limit,
            available: max(0, limit.limit - limit.inFlight), overflow: max(0, limit.inFlight - limit.limit),
            queueLength: waiting.count, averageCheckoutTime: Instant.Span(nanoseconds: waits.mean))
    }

    /// What it has come to.
    public var figures: Figures {
        Figures(
            limit: limit.limit, inFlight: limit.inFlight, waiting: waiting.count, roundTrip: limit.roundTrip,
            unloadedRoundTrip: limit.unloadedRoundTrip, isLearned: limit.isLearned)
    }

    /// The figures of one gate, or of all gates of one server.
    public struct Figures: Equatable, Sendable {
        /// Calls that may be under way, those that are, and those that wait.
        public var limit, inFlight, waiting: Int
        /// Calls that were sent away, since the beginning.
        public var refused = 0
        /// Whether the limit has been reached, so that it says what the server can do.
        public var isLearned: Bool
        /// What an answer takes of late, and without load; `nil` before the first.
        public var roundTrip, unloadedRoundTrip: Instant.Span?

        public init(
            limit: Int = 0, inFlight: Int = 0, waiting: Int = 0, roundTrip: Instant.Span? = nil,
            unloadedRoundTrip: Instant.Span? = nil, isLearned: Bool = false
        ) {
            self.limit = limit
            self.inFlight = inFlight
            self.waiting = waiting
            self.roundTrip = roundTrip
            self.unloadedRoundTrip = unloadedRoundTrip
            self.isLearned = isLearned
        }

        /// Those of several gates of one server; `nil` for none.
        public init?(of gates: [Figures]) {
            guard var sum = gates.first else { return nil }
            for other in gates.dropFirst() { sum.add(other) }
            self = sum
        }

        /// Calls a second that the server could answer as it is now; `nil` until that has been seen.
        public var capability: Double? {
            guard isLearned, let roundTrip, roundTrip.nanoseconds > 0 else { return nil }
            return Double(limit) / roundTrip.seconds
        }

        /// The same if no call waited for another within it.
        public var potentiality: Double? {
            guard let capability, let unloadedRoundTrip, unloadedRoundTrip.nanoseconds > 0 else { return nil }
            return max(capability, Double(limit) / unloadedRoundTrip.seconds)
        }

        /// Adds those of another gate of the same server: event loops have one each. What an answer takes is weighed by
        /// how much is under way.
        public mutating func add(_ other: Figures) {
            if let one = roundTrip, let two = other.roundTrip {
                let weights = (Double(inFlight + 1), Double(other.inFlight + 1))
                let sum = Double(one.nanoseconds) * weights.0 + Double(two.nanoseconds) * weights.1
                roundTrip = Instant.Span(nanoseconds: Int64(sum / (weights.0 + weights.1)))
            } else {
                roundTrip = roundTrip ?? other.roundTrip
            }
            unloadedRoundTrip = [unloadedRoundTrip, other.unloadedRoundTrip].compactMap { $0 }.min()
            isLearned = isLearned || other.isLearned
            refused += other.refused
            limit += other.limit
            inFlight += other.inFlight
            waiting += other.waiting
        }
    }
}
