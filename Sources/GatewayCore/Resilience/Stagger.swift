/// Spreads timers that begin together over their interval: the n-th of them by the golden ratio, whose multiples fill an
/// interval evenly however many there are. So who came in one turn is not served in one turn ever after.
public enum Stagger {
    /// A number from 0 up to 1 for the n-th timer; neighbours are far from each other.
    public static func share(_ number: Int) -> Double {
        // The fractional part of n / φ, as the upper bits of a product.
        let product = UInt64(truncatingIfNeeded: number) &* 0x9E37_79B9_7F4A_7C15
        return Double(product >> 11) * 0x1p-53
    }

    /// The time to a timer's first turn: at least `least` of its interval, at most all of it.
    public static func first(_ interval: Instant.Span, number: Int, least: Double = 0) -> Instant.Span {
        let part = 1 - share(number) * (1 - least)
        return Instant.Span(nanoseconds: max(1, Int64(Double(interval.nanoseconds) * part)))
    }
}
