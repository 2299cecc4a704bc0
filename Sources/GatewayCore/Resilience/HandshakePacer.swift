/// Lets clients in at a limited rate: those who come too fast wait their turn, and those whose turn would be too far off
/// are told when to come back, each at another time.
///
/// They are not told at once: browsers do not heed what they are told, come again within milliseconds, and would cost more
/// than they were spared. Who has to wait cannot try again meanwhile.
public struct HandshakePacer: Sendable {
    /// What becomes of one that arrives.
    public enum Decision: Equatable, Sendable {
        case now
        /// Its turn is at this time.
        case at(Instant)
        /// It is told at this time, and not before, that it is to come again after this span.
        case refused(at: Instant, retryAfter: Instant.Span)
    }

    /// Time between two turns.
    private let interval: Int64
    /// How far ahead of the rate a burst may run.
    private let tolerance: Int64
    private let maxDelay: Int64
    /// When the next one would have its turn at an even pace.
    private var nextTurn: Instant
    /// Those that are refused come back at the same pace, behind those that wait: each gets a place in time of its own.
    private var returns: ReturnSchedule

    /// The longest span that is told to anyone.
    public static let maxRetry = Instant.Span.seconds(60)

    /// - Parameters:
    ///   - rate: turns per second; more than 0.
    ///   - burst: turns that may be taken at once after a quiet time; at least 1.
    ///   - maxDelay: the longest wait for a turn; at most half of `maxRetry`.
    public init(rate: Double, burst: Int, maxDelay: Instant.Span) {
        precondition(rate > 0 && burst >= 1, "A pace needs a rate and a burst")
        interval = max(1, Int64(1_000_000_000 / rate))
        tolerance = interval.multipliedReportingOverflow(by: Int64(burst - 1)).partialValue
        self.maxDelay = min(maxDelay.nanoseconds, Self.maxRetry.nanoseconds / 2)
        nextTurn = .zero
        returns = ReturnSchedule(
            rate: rate, earliest: Instant.Span(nanoseconds: self.maxDelay), longest: Self.maxRetry)
    }

    /// Somebody is here.
    /// - Parameter chance: any number; spreads those that are refused.
    public mutating func arrive(now: Instant, chance: UInt64) -> Decision {
        let turn = max(nextTurn.nanoseconds, now.nanoseconds)
        let wait = turn - tolerance - now.nanoseconds
        if wait <= maxDelay {
            nextTurn = Instant(nanoseconds: turn + interval)
            return wait <= 0 ? .now : .at(Instant(nanoseconds: now.nanoseconds + wait))
        }
        // Not all at the same time, and not so late that the places that become free meanwhile are missed.
        let half = maxDelay / 2
        let hold = half + Int64(chance % UInt64(max(1, half)))
        let back = returns.next(now: now, chance: chance >> 16).nanoseconds
        return .refused(
            at: Instant(nanoseconds: now.nanoseconds + hold), retryAfter: Instant.Span(nanoseconds: back - hold))
    }
}
