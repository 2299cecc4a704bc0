/// A rate limit as the generic cell rate algorithm has it (ITU-T I.371): one time stamp a key, exact answers. In any
/// window `w` it admits at most `rate · w + burst`.
public struct RateLimit: Equatable, Sendable {
    /// Time that one message is worth, in nanoseconds.
    public let interval: Int64
    /// How many may come at once.
    public let burst: Int

    /// - Parameters:
    ///   - rate: messages per second, above 0.
    ///   - burst: how many may come at once, at least 1.
    public init(rate: Double, burst: Int) {
        precondition(rate > 0 && burst >= 1, "A rate limit admits something")
        // Rounded up: what is not a whole number of nanoseconds must not add up to more than was said.
        interval = max(1, Int64((1e9 / rate).rounded(.up)))
        self.burst = burst
    }

    /// What one key has used: the theoretical arrival time of its next message.
    public struct Usage: Equatable, Sendable {
        var arrival: Instant

        public init() { arrival = .zero }

        /// Whether nothing of it counts any more.
        public func isSpent(by now: Instant) -> Bool { arrival <= now }
    }

    public enum Decision: Equatable, Sendable {
        case admitted
        /// Refused; the same will be admitted after this span.
        case refused(retryAfter: Instant.Span)
    }

    /// Charges one message to `usage`.
    /// - Parameter cost: what it counts as, at least 1. What costs more than the burst is admitted when all of that is there.
    public func admit(_ usage: inout Usage, cost: Int = 1, now: Instant) -> Decision {
        let cost = min(cost, burst)
        let arrival = max(usage.arrival, now)
        let allowance = interval &* Int64(burst - cost)
        let early = arrival.nanoseconds - now.nanoseconds - allowance
        guard early <= 0 else { return .refused(retryAfter: .init(nanoseconds: early)) }
        usage.arrival = Instant(nanoseconds: arrival.nanoseconds + interval &* Int64(cost))
        return .admitted
    }

    /// How many more would be admitted right now.
    public func remaining(_ usage: Usage, now: Instant) -> Int {
        let used = max(0, usage.arrival.nanoseconds - now.nanoseconds)
        return max(0, burst - Int((used + interval - 1) / interval))
    }

    /// Time until the full burst is there again.
    public func reset(_ usage: Usage, now: Instant) -> Instant.Span {
        .init(nanoseconds: max(0, usage.arrival.nanoseconds - now.nanoseconds))
    }
}
