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

    /// What has been added since `earlier`, an older copy of the same histogram.
    public func since(_ earlier: LatencyHistogram) -> LatencyHistogram {
        var difference = self
        difference.sum &-= earlier.sum
        for index in counts.indices { difference.counts[index] &-= earlier.counts[index] }
        return difference
    }

    /// The time, in seconds, that a part of everything took at most: within its bucket it is taken to be spread evenly.
    /// `nil` if there is nothing.
    /// - Parameter part: 0.99 for the 99th percentile.
    public func percentile(_ part: Double) -> Double? {
        let all = count
        guard all > 0 else { return nil }
        let wanted = part * Double(all)
        var before = 0.0
        for bucket in 0..<Self.bucketCount where counts[bucket] > 0 {
            let here = Double(counts[bucket])
            guard before + here < wanted else {
                let low = bucket > 0 ? Self.bound(of: bucket - 1) : 0
                let high = bucket < Self.bucketCount - 1 ? Self.bound(of: bucket) : low
                return low + (high - low) * max(0, wanted - before) / here
            }
            before += here
        }
        return Self.bound(of: Self.bucketCount - 2)
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
