public import GatewayCore

/// How S2 keeps clients, timers and transports from moving in step.
public struct CoordinationSettings: Equatable, Sendable {
    /// Whether it does.
    public var isOn = true
    /// Clients a second that are told to come back, if the node has not let in more of late.
    public var minimumRate = 50.0
    /// The longest wait that a refused client is told.
    public var maximumWait = Instant.Span.seconds(60)

    public init() {}

    /// The places in time of clients that are refused; `nil` if nobody gives any.
    public var returns: ReturnSchedule? {
        isOn
            ? ReturnSchedule(
                rate: minimumRate, earliest: min(.seconds(1), Instant.Span(nanoseconds: maximumWait.nanoseconds / 2)),
                longest: maximumWait) : nil
    }
}

/// How many clients a second the node lets in, smoothed: what those that are refused may come back at. A burst that was let
/// in a moment ago still counts, one of an hour ago does not: places become free as fast as clients have come of late, and
/// not as fast as they once came to an empty node.
public struct AdmissionRate: Equatable, Sendable {
    /// Clients per second.
    public private(set) var perSecond: Double
    private let minimum: Double
    private var last: Observation?

    private struct Observation: Equatable {
        let admitted: Int
        let at: Instant
    }

    /// What is left of the old figure after each second with a new one.
    private static let memory = 0.8

    /// - Parameter minimum: the least that is assumed; more than 0.
    public init(minimum: Double) {
        self.minimum = minimum
        perSecond = minimum
    }

    /// - Parameter admitted: clients that were let in since the beginning.
    public mutating func observe(admitted: Int, now: Instant) {
        guard let last else { return self.last = Observation(admitted: admitted, at: now) }
        // Beats may be shorter than what one client counts for.
        guard now - last.at >= .seconds(1) else { return }
        self.last = Observation(admitted: admitted, at: now)
        let seconds = (now - last.at).seconds
        let rate = Double(max(0, admitted - last.admitted)) / seconds
        var left = 1.0
        for _ in 0..<max(1, min(60, Int(seconds.rounded()))) { left *= Self.memory }
        perSecond = max(minimum, left * perSecond + (1 - left) * rate)
    }
}
