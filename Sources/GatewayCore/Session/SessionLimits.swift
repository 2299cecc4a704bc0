/// The bounds of a session (contract §12; keys `session.*`).
public struct SessionLimits: Equatable, Sendable {
    /// Messages that are kept for resume.
    public var logMessages = 1000
    /// Bytes that are kept for resume.
    public var logBytes = 1 << 20
    /// Durable messages that wait for an absent client.
    public var offlineMessages = 1000
    /// Bytes of durable messages that wait for an absent client.
    public var offlineBytes = 4 << 20
    /// How long durable messages wait for an absent client.
    public var offlineAge = Instant.Span.seconds(86_400)
    /// How long the log is kept after the last connection left.
    public var retention = Instant.Span.seconds(300)
    /// After this time a message whose bytes reached the kernel is done on a connection that never acknowledges.
    public var unackedGrace = Instant.Span.seconds(60)
    /// Bytes that may wait for one connection.
    public var maxUnsentBytes = 1 << 20
    /// What becomes of messages beyond that, unless the connection has asked for something else.
    public var slowConsumerPolicy = SlowConsumerPolicy.disconnect
    /// When connections are slowed down whose clients do not keep up with acknowledging.
    public var backpressure = BackpressureLimits()
    /// The largest message that a WebSocket carries while an event stream of the client stands by: larger ones take that.
    public var maxFrameBytes = 65_536
    /// Connections that one client may hold at once.
    public var maxConnections = 64
    /// Topics that one client may be subscribed to.
    public var maxTopics = 100

    /// Whether a message that no connection has delivered is kept in any case, so that a new one is refused instead.
    public var keepsUndelivered = false

    public init() {}
}
