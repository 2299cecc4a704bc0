import GatewayCore

/// The variety before and behind an attenuator, window by window: what is told is the last whole window.
public struct VarietyWindow: Equatable, Sendable {
    /// The variety of one whole window.
    public struct Report: Equatable, Sendable {
        /// What arrived; `nil` with too few samples.
        public let incoming: VarietyEstimate?
        /// What was let through; `nil` with too few samples.
        public let outgoing: VarietyEstimate?
        /// How many arrived and how many were let through, whether that is enough for an estimate or not.
        public let samples: (incoming: Int, outgoing: Int)
        /// How many of each class, whichever part they were of.
        public let counts: (incoming: [Int], outgoing: [Int])

        public static func == (one: Self, other: Self) -> Bool {
            one.incoming == other.incoming && one.outgoing == other.outgoing && one.samples == other.samples
                && one.counts == other.counts
        }

        /// By how much variety was reduced, in percent.
        public var reduction: Double? {
            guard let incoming, let outgoing else { return nil }
            return incoming.reduction(to: outgoing)
        }
    }

    private let length: Instant.Span
    private var began: Instant?
    private var start: [(incoming: VarietyCounts, outgoing: VarietyCounts)] = []
    /// The last whole window; `nil` before the first.
    public private(set) var report: Report?

    /// - Parameter length: how long a window is.
    public init(length: Instant.Span) { self.length = length }

    public static func == (one: Self, other: Self) -> Bool { one.report == other.report && one.began == other.began }

    /// Notes how far the counts have come.
    /// - Parameter counts: of each part that is told apart; their classes are told apart from one another too.
    public mutating func observe(_ counts: [(incoming: VarietyCounts, outgoing: VarietyCounts)], now: Instant) {
        guard let began, start.count == counts.count else {
            began = now
            start = counts
            return
        }
        guard now - began >= length else { return }
        let parts = zip(counts, start).map { ($0.incoming.since($1.incoming), $0.outgoing.since($1.outgoing)) }
        let incoming = parts.flatMap { $0.0.values }
        let outgoing = parts.flatMap { $0.1.values }
        var sums = (incoming: VarietyCounts(), outgoing: VarietyCounts())
        for part in parts {
            sums.incoming.add(part.0)
            sums.outgoing.add(part.1)
        }
        report = Report(
            incoming: VarietyEstimate(incoming), outgoing: VarietyEstimate(outgoing),
            samples: (incoming.reduce(0, +), outgoing.reduce(0, +)),
            counts: (sums.incoming.values, sums.outgoing.values))
        self.began = now
        start = counts
    }
}
