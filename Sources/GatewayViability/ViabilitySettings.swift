public import GatewayCore

/// How the node watches itself. Each loop has a switch.
public struct ViabilitySettings: Equatable, Sendable {
    /// What the node is called among others.
    public var name = "node"
    /// How often the event loops are asked.
    public var interval = Instant.Span.seconds(1)
    /// How long messages are counted for one estimate of variety.
    public var varietyWindow = Instant.Span.seconds(60)
    /// Whether anybody is told of pain.
    public var isAlgedonicOn = true
    public var algedonic = AlgedonicLimits()
    /// Errors per second at which a unit is at its bound.
    public var maxErrorRate = 10.0
    /// Whether S4 looks ahead.
    public var isIntelligenceOn = true
    /// The time between two figures that forecasts are made from, and how many such steps they look ahead.
    public var forecastStep = Instant.Span.seconds(10)
    public var forecastHorizon = 6
    public var capacity = CapacityThresholds()
    /// Bytes per second that the network carries; 0 where nobody has said.
    public var bandwidth = 0
    /// Whether S3* looks past the reports, and how often.
    public var isAuditOn = true
    public var auditInterval = Instant.Span.seconds(10)
    /// Whether S5 changes what is given up.
    public var isPolicyOn = true
    public var policy = Policy()
    /// How S3 shares what the node has.
    public var control = ControlSettings()
    /// How S2 coordinates clients and timers.
    public var coordination = CoordinationSettings()

    public init() {}
}
