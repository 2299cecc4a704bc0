/// How many calls may be tried again: a share of all calls over the last ten seconds, and a few in any case. When much
/// fails at once, retries stay a small part of the load instead of multiplying it.
public struct RetryBudget: Sendable {
    /// Over which time calls and retries are counted.
    public static let span = Instant.Span.seconds(10)
    /// Retries per call.
    public let ratio: Double
    /// Retries in ten seconds that need no calls.
    public let reserve: Int
    /// `first` are calls, `second` retries.
    private var window = SlidingWindow(span: RetryBudget.span)

    public init(ratio: Double = 0.2, reserve: Int = 10) {
        precondition(ratio >= 0 && reserve >= 0, "A budget is not negative")
        self.ratio = ratio
        self.reserve = reserve
    }

    /// A call was made for the first time.
    public mutating func recordCall(now: Instant) { window.add(first: 1, now: now) }

    /// Whether a call may be made again; counts it when it may.
    public mutating func admitRetry(now: Instant) -> Bool {
        window.advance(to: now)
        guard Double(window.total.second + 1) <= ratio * Double(window.total.first) + Double(reserve) else {
            return false
        }
        window.add(second: 1, now: now)
        return true
    }
}
