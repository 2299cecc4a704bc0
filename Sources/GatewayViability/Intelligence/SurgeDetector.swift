/// Notices that something happens much more often than it has: more than six standard deviations, and at least so many more,
/// above its smoothed mean. What is unusual is not learned from, or a long surge would become the rule.
public struct SurgeDetector: Equatable, Sendable {
    private var mean = 0.0
    private var variance = 0.0
    private var samples = 0
    /// Whether it goes on at present.
    public private(set) var isSurging = false

    /// Samples before anything is unusual, and what is usual whatever came before.
    static let leastSamples = 10
    static let leastExcess = 20.0
    private static let deviations = 6.0
    private static let weight = 0.05

    public init() {}

    /// What is to be expected.
    public var usual: Double? { samples >= Self.leastSamples ? mean : nil }

    /// - Returns: whether a surge has begun.
    public mutating func observe(_ value: Double) -> Bool {
        let excess = value - mean
        let isUnusual =
            samples >= Self.leastSamples && excess >= Self.leastExcess
            && excess * excess > Self.deviations * Self.deviations * variance
        defer { isSurging = isUnusual }
        guard !isUnusual else { return !isSurging }
        samples += 1
        let weight = max(Self.weight, 1 / Double(samples))
        mean += weight * excess
        variance = (1 - weight) * (variance + weight * excess * excess)
        return false
    }
}
