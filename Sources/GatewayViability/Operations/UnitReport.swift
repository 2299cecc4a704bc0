import GatewayCore

/// What a unit reports upward for one beat: its own figures, and Beer's three.
public struct UnitReport: Equatable, Sendable {
    /// Whose report it is.
    public let unit: UnitID
    /// Open connections, or calls under way.
    public let connections: Int
    /// Messages of clients that came to admission, and those that it let through: per second.
    public let arrivals, accepted: Double
    /// Messages received and delivered, errors: per second.
    public let received, delivered, errors: Double
    /// Bytes delivered per second.
    public let deliveredBytes: Double
    /// 99 of 100 deliveries of this beat took at most so long; `nil` without deliveries.
    public let latency: Instant.Span?
    /// What the unit does: deliveries per second. The same as `delivered`.
    public var actuality: Double { delivered }
    /// What it could do now with the event loop that it has, at the present mix of work: what it does, divided by the share
    /// of its loop's time that all of the loop's work takes. Of an upstream server, the calls that may be under way, divided
    /// by what one takes. `nil` while it is not known.
    public let capability: Double?
    /// What it could do if each processor of the machine ran an event loop; an upstream server, if no call waited within it
    /// for another.
    public let potentiality: Double?
    /// How many calls of an upstream server may be under way; `nil` where no limit is learned, and for transports.
    public let limit: ConcurrencyGate.Figures?

    /// `actuality / capability`
    public var productivity: Double? { Self.ratio(actuality, capability) }
    /// `capability / potentiality`, the latency of the model: what lies idle because of bounds that could be lifted.
    public var idleness: Double? { capability.flatMap { Self.ratio($0, potentiality) } }
    /// `actuality / potentiality`
    public var performance: Double? { Self.ratio(actuality, potentiality) }

    private static func ratio(_ part: Double, _ whole: Double?) -> Double? {
        guard let whole, whole > 0 else { return nil }
        return part / whole
    }
}

/// Turns the samples of one unit into reports. A value without a clock.
public struct OperationalUnit: Sendable {
    private var last: UnitSample?
    private var lastAt = Instant.zero
    private var capability: Double?

    /// Nothing known.
    public init() {}

    /// Below this share of the loop's time, and below this rate, the division would make noise into a figure.
    static let leastUtilisation = 0.01
    static let leastRate = 10.0

    /// - Parameters:
    ///   - utilisation: the share of its loop's time that was used since the sample before; `nil` for units without one.
    ///   - loops: the node's event loops.
    ///   - processors: those that it may use.
    /// - Returns: `nil` for the first sample.
    public mutating func report(
        _ sample: UnitSample, utilisation: Double?, loops: Int, processors: Int, now: Instant
    ) -> UnitReport? {
        defer {
            last = sample
            lastAt = now
        }
        guard let last, now > lastAt else { return nil }
        let seconds = (now - lastAt).seconds
        func rate(_ figure: KeyPath<UnitSample, Int>) -> Double {
            Double(max(0, sample[keyPath: figure] - last[keyPath: figure])) / seconds
        }
        let delivered = rate(\.delivered)
        if let utilisation, utilisation >= Self.leastUtilisation, delivered >= Self.leastRate {
            capability = max(delivered, delivered / min(1, utilisation))
        }
        let potentiality: Double?
        if let limit = sample.limit {
            capability = limit.capability.map { max(delivered, $0) }
            potentiality = capability.map { max($0, limit.potentiality ?? 0) }
        } else {
            potentiality = capability.map { $0 * Double(max(processors, loops)) / Double(max(1, loops)) }
        }
        return UnitReport(
            unit: sample.unit, connections: sample.connections,
            arrivals: Double(sample.arrivals.since(last.arrivals).total) / seconds,
            accepted: Double(sample.accepted.since(last.accepted).total) / seconds, received: rate(\.received),
            delivered: delivered,
            errors: rate(\.errors), deliveredBytes: rate(\.deliveredBytes),
            latency: sample.latencies.quantile(0.99, since: last.latencies), capability: capability,
            potentiality: potentiality, limit: sample.limit)
    }
}

extension LatencyHistogram {
    /// The bound below which a share of what was added since `earlier` lies; `nil` if nothing was.
    func quantile(_ share: Double, since earlier: LatencyHistogram) -> Instant.Span? {
        let total = count &- earlier.count
        guard total > 0 else { return nil }
        let rank = Double(total) * share
        for bucket in 0..<Self.bucketCount {
            let below = cumulative(through: bucket) &- earlier.cumulative(through: bucket)
            guard Double(below) >= rank else { continue }
            // The last bucket has no bound of its own.
            let bound = Self.bound(of: min(bucket, Self.bucketCount - 2))
            return Instant.Span(nanoseconds: Int64(bound * 1e9))
        }
        return nil
    }
}
