/// How long an answer may take before it is missing: from the answers so far, as TCP reckons (RFC 6298).
public struct RoundTrip: Equatable, Sendable {
    private var smoothed: Int64 = 0
    private var variation: Int64 = 0

    public init() {}

    /// Time that the very first answer may take.
    public static let first = Instant.Span.seconds(1)

    /// An answer has come after this time.
    public mutating func measured(_ span: Instant.Span) {
        let sample = max(1, span.nanoseconds)
        if smoothed == 0 {
            smoothed = sample
            variation = sample / 2
        } else {
            variation = (3 * variation + abs(smoothed - sample)) / 4
            smoothed = (7 * smoothed + sample) / 8
        }
    }

    /// How long the next answer may take.
    /// - Parameter minimum: not less than this.
    public func timeout(minimum: Instant.Span) -> Instant.Span {
        guard smoothed > 0 else { return max(minimum, Self.first) }
        return max(minimum, Instant.Span(nanoseconds: smoothed + 4 * variation))
    }
}
