/// Keeps what is sent to a rate: whoever has sent more than that is in debt, and sends nothing until it is paid off. What
/// leaves at once is not cut, so one flush may go beyond; the next one waits for it.
///
/// Debt is kept as the time when it will be paid off: asking costs one comparison, and nothing has to tick.
public struct EgressPacer: Sendable {
    /// Bytes a second; never less than one, so that each debt ends.
    public private(set) var rate: Int
    /// What has not been sent may be caught up for so long.
    private let burst: Instant.Span
    /// When what has been sent is paid off.
    public private(set) var next = Instant.zero

    /// More than any flush takes, and far from the end of the clock.
    private static let longestDebt = 1e15

    /// - Parameters:
    ///   - rate: bytes a second.
    ///   - burst: how long what was not sent may be caught up.
    public init(rate: Int, burst: Instant.Span) {
        self.rate = max(1, rate)
        self.burst = Instant.Span(nanoseconds: max(0, burst.nanoseconds))
    }

    /// Whether something may be sent.
    @inlinable
    public func mayGo(_ now: Instant) -> Bool { next <= now }

    /// Something was sent.
    public mutating func spend(_ bytes: Int, _ now: Instant) {
        guard bytes > 0 else { return }
        let start = max(next, Instant(nanoseconds: now.nanoseconds - burst.nanoseconds))
        next = start + Self.span(Double(bytes) * 1e9 / Double(rate))
    }

    /// Another rate holds from now on. A debt stays as many bytes as it was.
    public mutating func change(rate: Int, _ now: Instant) {
        let rate = max(1, rate)
        if next > now { next = now + Self.span(Double((next - now).nanoseconds) * Double(self.rate) / Double(rate)) }
        self.rate = rate
    }

    private static func span(_ nanoseconds: Double) -> Instant.Span {
        Instant.Span(nanoseconds: Int64(min(nanoseconds.rounded(.up), longestDebt)))
    }
}
