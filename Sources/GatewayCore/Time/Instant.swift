/// A point on the monotonic clock, in nanoseconds. It is passed in, never read here.
public struct Instant: Comparable, Hashable, Sendable {
    public var nanoseconds: Int64

    @inlinable
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// The earliest point there is.
    public static let zero = Instant(nanoseconds: 0)
    /// Later than anything that will happen.
    public static let distantFuture = Instant(nanoseconds: .max)

    @inlinable
    public static func < (a: Self, b: Self) -> Bool { a.nanoseconds < b.nanoseconds }

    /// The point `span` later; stays at the far end instead of overflowing.
    @inlinable
    public static func + (a: Self, span: Span) -> Self {
        let (sum, overflow) = a.nanoseconds.addingReportingOverflow(span.nanoseconds)
        return Instant(nanoseconds: overflow ? .max : sum)
    }

    /// The span from `b` to `a`.
    @inlinable
    public static func - (a: Self, b: Self) -> Span { Span(nanoseconds: a.nanoseconds &- b.nanoseconds) }

    /// A length of time, in nanoseconds.
    public struct Span: Comparable, Hashable, Sendable {
        public var nanoseconds: Int64

        @inlinable
        public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

        /// Whole nanoseconds of a `Duration`; what does not fit becomes the longest span.
        public init(_ duration: Duration) {
            let (seconds, attoseconds) = duration.components
            let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
            nanoseconds = overflow ? .max : product &+ attoseconds / 1_000_000_000
        }

        @inlinable
        public static func seconds(_ n: Int64) -> Self { Self(nanoseconds: n &* 1_000_000_000) }
        @inlinable
        public static func milliseconds(_ n: Int64) -> Self { Self(nanoseconds: n &* 1_000_000) }

        /// Whole milliseconds, rounded down.
        @inlinable
        public var milliseconds: Int64 { nanoseconds / 1_000_000 }
        @inlinable
        public var seconds: Double { Double(nanoseconds) / 1e9 }

        @inlinable
        public static func < (a: Self, b: Self) -> Bool { a.nanoseconds < b.nanoseconds }
    }
}
