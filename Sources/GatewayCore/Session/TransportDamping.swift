/// How long after the loss of its better transport a client goes back to it at the earliest (keys `routing.*`).
public struct DampingLimits: Equatable, Sendable {
    /// The wait after a first loss.
    public var minimumDwell = Instant.Span.seconds(1)
    /// The longest wait, however often the transport was lost.
    public var maximumDwell = Instant.Span.seconds(30)
    /// After this time without a loss the losses so far count half.
    public var flapHalfLife = Instant.Span.seconds(30)

    public init() {}

    /// No damping: a client goes back as soon as it can.
    public static let none: Self = {
        var limits = Self()
        limits.minimumDwell = Instant.Span(nanoseconds: 0)
        limits.maximumDwell = Instant.Span(nanoseconds: 0)
        return limits
    }()
}

/// Keeps a client from changing back and forth between its transports when the better one comes and goes (route flap
/// damping, RFC 2439, with the wait in place of a threshold).
///
/// It is left at once when it fails; to come back it must wait, from the last loss on, twice as long with each further
/// loss. Losses are forgotten by half in every half-life. So a link that flaps faster than the wait is never returned
/// to, one that flaps slower is returned to more and more seldom, and one that has healed is back within `maximumDwell`.
public struct TransportDamping: Equatable, Sendable {
    /// The transport that was lost.
    public let transport: Transport
    /// When it may be returned to.
    public private(set) var returnAt = Instant.zero
    private var losses = 0.0
    private var lostAt = Instant.zero

    public init(_ transport: Transport) { self.transport = transport }

    /// The transport's last connection was lost while others were there.
    public mutating func lost(limits: DampingLimits, now: Instant) {
        losses = remaining(limits, now) + 1
        lostAt = now
        returnAt = now + hold(limits)
    }

    /// Whether the transport has to wait.
    public func holds(_ transport: Transport, now: Instant) -> Bool { transport == self.transport && now < returnAt }

    /// What is left of the losses.
    private func remaining(_ limits: DampingLimits, _ now: Instant) -> Double {
        let halfLives = Double((now - lostAt).nanoseconds) / Double(max(1, limits.flapHalfLife.nanoseconds))
        guard losses > 0, halfLives < 32 else { return 0 }
        // Between two powers of a half, a straight line.
        let whole = Int(halfLives)
        return losses / Double(1 << whole) * (1 - (halfLives - Double(whole)) / 2)
    }

    /// The wait: the minimum after one loss, twice as long with each more.
    private func hold(_ limits: DampingLimits) -> Instant.Span {
        let further = max(0, losses - 1)
        guard further < 32 else { return limits.maximumDwell }
        let whole = Int(further)
        let factor = Double(1 << whole) * (1 + further - Double(whole))
        let span = Double(limits.minimumDwell.nanoseconds) * factor
        return span < Double(limits.maximumDwell.nanoseconds)
            ? Instant.Span(nanoseconds: Int64(span)) : limits.maximumDwell
    }
}
