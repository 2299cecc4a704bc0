#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// How many messages fell into each class of size. Together with the unit that counts, this is the set of distinctions over
/// which variety is measured: `size_octave`, classes of up to 64 B, 128 B, … 1 MiB, and one for everything above.
///
/// Adding is one increment, so that it may stand in the way of every message.
public struct VarietyCounts: Equatable, Sendable {
    /// The name of the distinctions, published beside every figure that depends on them.
    public static let distinction = "size_octave"
    /// Number of classes.
    public static let classes = 16

    private var counts = InlineArray<16, Int>(repeating: 0)

    /// Nothing counted.
    public init() {}

    /// One message of so many bytes.
    @inline(__always)
    public mutating func add(bytes: Int) { counts[Self.octave(bytes)] &+= 1 }

    /// Everything that `other` has counted.
    public mutating func add(_ other: VarietyCounts) {
        for index in 0..<Self.classes { counts[index] &+= other.counts[index] }
    }

    /// What has been counted since `earlier`.
    public func since(_ earlier: VarietyCounts) -> VarietyCounts {
        var difference = VarietyCounts()
        for index in 0..<Self.classes { difference.counts[index] = max(0, counts[index] - earlier.counts[index]) }
        return difference
    }

    /// Messages of all classes.
    public var total: Int { (0..<Self.classes).reduce(0) { $0 + counts[$1] } }

    /// Messages of each class.
    public var values: [Int] { (0..<Self.classes).map { counts[$0] } }

    @inline(__always)
    private static func octave(_ bytes: Int) -> Int {
        guard bytes > 64 else { return 0 }
        return min(classes - 1, Int.bitWidth - (bytes - 1).leadingZeroBitCount - 6)
    }

    public static func == (one: Self, other: Self) -> Bool { one.values == other.values }
}

/// Shannon's entropy of what was counted, with the correction of Miller and Madow.
public struct VarietyEstimate: Equatable, Sendable {
    /// Bits.
    public let bits: Double
    /// How many messages it rests on.
    public let samples: Int
    /// How many of the states were met.
    public let states: Int

    /// Samples for each state that was met; with fewer the estimate would say more about them than about the traffic.
    public static let samplesPerState = 10

    /// - Parameter counts: how often each state was met.
    /// - Returns: `nil` when there are too few samples to say anything.
    public init?(_ counts: [Int]) {
        let met = counts.filter { $0 > 0 }
        let total = met.reduce(0, +)
        guard total > 0, total >= Self.samplesPerState * met.count else { return nil }
        let plain = met.reduce(0.0) { sum, count in
            let share = Double(count) / Double(total)
            return sum - share * log2(share)
        }
        // The plain estimate is too low by (K - 1) / 2n nats on the average.
        let correction = Double(met.count - 1) / (2 * Double(total) * log(2))
        bits = plain + correction
        samples = total
        states = met.count
    }

    /// By how much `outgoing` has less variety, in percent; `nil` where nothing came in that could be told apart.
    public func reduction(to outgoing: VarietyEstimate) -> Double? {
        bits > 0 ? 100 * (1 - outgoing.bits / bits) : nil
    }
}
