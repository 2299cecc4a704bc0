/// Exponential backoff with jitter: the wait doubles with every failed attempt up to a limit, and is shortened by chance,
/// so that those who failed together do not come back together.
public struct Backoff: Equatable, Sendable {
    public var initial: Instant.Span
    public var limit: Instant.Span
    /// Which part of a wait is left to chance, from 0 to 1. All of it (full jitter) where many may wait for the same; less
    /// where a wait must not be too short, as before a process that died is started again.
    public var jitter: Double

    public init(initial: Instant.Span, limit: Instant.Span, jitter: Double = 1) {
        precondition(initial.nanoseconds > 0 && initial <= limit && (0...1).contains(jitter), "A wait has a length")
        self.initial = initial
        self.limit = limit
        self.jitter = jitter
    }

    /// - Parameters:
    ///   - attempt: 0 for the first wait.
    ///   - random: 64 random bits.
    public func delay(attempt: Int, random: UInt64) -> Instant.Span {
        var full = initial.nanoseconds
        for _ in 0..<min(max(attempt, 0), 62) {
            full = full > limit.nanoseconds / 2 ? limit.nanoseconds : full * 2
        }
        let chance = Double(random >> 11) * 0x1p-53
        return .init(nanoseconds: max(1, Int64(Double(full) * (1 - jitter * chance))))
    }
}
