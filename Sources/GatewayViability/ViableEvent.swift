public import GatewayCore

/// Something that others may want to know.
public enum ViableEvent: Equatable, Sendable {
    /// Something hurts, or does not any more.
    case signal(AlgedonicSignal)
    /// S5 has chosen another mode.
    case mode(ModeChange)
    /// A resource has become short, or is not any more.
    case capacity(CapacityAlert)
    /// A forecast has come into use, or gone out of it because it is no better than none.
    case forecast(Metric, isUsed: Bool)
    /// Clients connect much more often than they have.
    case surge(perSecond: Double, usual: Double)
    /// Clients behave oddly, or do not any more.
    case anomaly(Anomaly)
    /// S4 proposes something to S3, or does so no more.
    case proposal(Proposal)
    /// An audit has found that reports and facts differ.
    case audit(AuditFindings)
    /// What a transport has borrowed of another is called back, or has come back.
    case loan(Loan)
    /// A limit of the policy stops somebody, or nobody any more.
    case limit(LimitCrossing)
}

/// From one mode to another.
public struct ModeChange: Equatable, Sendable {
    public let from: OperatingMode
    public let to: OperatingMode
    /// What is refused from now on, whatever the memory would allow.
    public let floor: OverloadLadder.Step
    /// The worst lag as a share of what it may be.
    public let pressure: Double
    /// When S4 expects that a bound is reached; `nil` for not within sight.
    public let timeToCapacity: Instant.Span?
}

/// What S4 makes forecasts of.
public enum Metric: String, Sendable, CaseIterable {
    case connections
    case messageRate = "message_rate"
    case memory
}
