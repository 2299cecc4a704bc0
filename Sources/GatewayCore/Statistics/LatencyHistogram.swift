/// How often something took how long: a count for each power of two of microseconds. Adding is a few instructions, and
/// histograms of several event loops add up.
public struct LatencyHistogram: Equatable, Sendable {
    /// Up to 1 µs, 2 µs, 4 µs, … 2^26 µs (67 s); the last one is for everything above.
    public static let bucketCount = 28

    private var counts = InlineArray<28, UInt64>(repeating: 0)
    /// Sum of all that was added, in nanoseconds.
    public private(set) var sum: Int64 = 0

    public init() {}

    public static func == (one: Self, other: Self) -> Bool {
        one.sum == other.sum && one.counts.indices.allSatisfy { one.counts[$0] == other.counts[$0] }
    }

    @inline(__always)
    public mutating func add(_ span: Instant.Span) {
        let nanoseconds = max(0, span.nanoseconds)
        sum &+= nanoseconds
        counts[Self.bucket(nanoseconds)] &+= 1
    }

    public mutating func add(_ other: LatencyHistogram) {
        sum &+= other.sum
        for index in counts.indices { counts[index] &+= other.counts[index] }
    }

    /// Everything that was added.
    public var count: UInt64 { cumulative(through: Self.bucketCount - 1) }

    /// How many took at most as long as `bound(of: bucket)` says.
    public func cumulative(through bucket: Int) -> UInt64 { (0...bucket).reduce(0) { $0 &+ counts[$1] } }

    /// The longest time in a bucket, in seconds; infinite for the last one.
    public static func bound(of bucket: Int) -> Double {
        bucket == bucketCount - 1 ? .infinity : Double(1 << bucket) / 1e6
    }

    @inline(__always)
    private static func bucket(_ nanoseconds: Int64) -> Int {
        // The smallest power of two that is not less, in microseconds.
        let microseconds = UInt64(nanoseconds &+ 999) / 1000
        guard microseconds > 1 else { return 0 }
        return min(bucketCount - 1, UInt64.bitWidth - (microseconds - 1).leadingZeroBitCount)
    }
}
