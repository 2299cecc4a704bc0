/// Counts durations in buckets that grow with the value, as HdrHistogram does: 128 linear steps for each power of two,
/// so that whatever is read from it is at most 0.8 % too high. The memory is fixed, and recording is an addition.
public struct LatencyHistogram: Equatable, Sendable {
    /// Values are counted up to 2^40 ns, 18 minutes; longer ones count as that.
    public static let highest: UInt64 = (1 << 40) - 1
    private static let bits = 7
    private static let size = (40 - bits + 1) << bits

    private var counts = [UInt64](repeating: 0, count: size)
    /// How many values there are.
    public private(set) var count: UInt64 = 0
    /// The largest value, exactly.
    public private(set) var maximum: UInt64 = 0
    private var sum = 0.0

    public init() {}

    /// The mean of all values, 0 without any.
    public var mean: Double { count == 0 ? 0 : sum / Double(count) }

    /// Counts a duration in nanoseconds.
    public mutating func record(_ nanoseconds: UInt64) {
        counts[Self.index(min(nanoseconds, Self.highest))] += 1
        count += 1
        sum += Double(nanoseconds)
        maximum = max(maximum, nanoseconds)
    }

    /// Adds what another one has counted.
    public mutating func add(_ other: LatencyHistogram) {
        guard other.count > 0 else { return }
        for index in counts.indices { counts[index] += other.counts[index] }
        count += other.count
        sum += other.sum
        maximum = max(maximum, other.maximum)
    }

    /// Forgets everything; the memory stays.
    public mutating func clear() {
        guard count > 0 else { return }
        for index in counts.indices { counts[index] = 0 }
        count = 0
        sum = 0
        maximum = 0
    }

    /// The smallest duration that at least this part of all values does not exceed.
    /// - Parameter quantile: 0 to 1.
    public func value(at quantile: Double) -> UInt64 {
        guard count > 0 else { return 0 }
        let wanted = max(1, UInt64((quantile * Double(count)).rounded(.up)))
        var seen: UInt64 = 0
        for index in counts.indices where counts[index] > 0 {
            seen += counts[index]
            if seen >= wanted { return min(Self.upperEnd(index), maximum) }
        }
        return maximum
    }

    private static func index(_ value: UInt64) -> Int {
        let exponent = 63 - (value | 1).leadingZeroBitCount
        guard exponent > bits else { return Int(value) }
        // Within one power of two the next `bits` bits choose the step.
        let shift = exponent - bits
        return (shift << bits) + Int(value >> UInt64(shift))
    }

    private static func upperEnd(_ index: Int) -> UInt64 {
        guard index >= 2 << bits else { return UInt64(index) }
        let shift = (index >> bits) - 1
        let step = UInt64(index - (shift << bits))
        return ((step + 1) << UInt64(shift)) - 1
    }
}
