/// Spreads the goodbyes of a shutdown over time, and with them the returns of those who are sent away.
///
/// At the wanted rate everybody is told to go when somebody else is to take them: a client that comes back at once comes at
/// that rate. When that would take longer than there is time, goodbyes come faster, and the rest of the spread is told to
/// each client as a wait: its place in time stays the same.
public struct DrainSchedule: Sendable {
    /// Who is to be told.
    public let count: Int
    /// From the first goodbye to the last.
    public let duration: Instant.Span
    /// From the first return to the last.
    public let spread: Instant.Span
    private let minimumWait: Instant.Span

    /// - Parameters:
    ///   - count: clients.
    ///   - rate: returns per second that whoever takes them over can bear; more than 0.
    ///   - window: the longest that the goodbyes may take.
    ///   - minimumWait: what every client waits before it comes back.
    public init(count: Int, rate: Double, window: Instant.Span, minimumWait: Instant.Span) {
        precondition(rate > 0, "A pace needs a rate")
        self.count = count
        self.minimumWait = minimumWait
        let seconds = Double(count) / rate
        spread = Instant.Span(nanoseconds: Int64(min(seconds, 86_400) * 1e9))
        duration = min(spread, max(window, Instant.Span(nanoseconds: 0)))
    }

    /// When the client at `place` (0 is the first, just below 1 the last) is told to go.
    public func goodbye(_ place: Double) -> Instant.Span { Self.part(duration, place) }

    /// How long that client is to wait then.
    public func retryAfter(_ place: Double) -> Instant.Span {
        Instant.Span(
            nanoseconds: minimumWait.nanoseconds + Self.part(spread, place).nanoseconds - goodbye(place).nanoseconds)
    }

    private static func part(_ span: Instant.Span, _ place: Double) -> Instant.Span {
        Instant.Span(nanoseconds: Int64(Double(span.nanoseconds) * place))
    }
}

/// The goodbyes that one event loop has to say: one part of a schedule that several share.
public struct PacedGoodbyes<Client> {
    private let clients: [Client]
    private let schedule: DrainSchedule
    private let begunAt: Instant
    /// Where in a round of all event loops this one has its turn, from 0 to just below 1.
    private let offset: Double
    private var next = 0

    public init(_ clients: [Client], _ schedule: DrainSchedule, begunAt: Instant, offset: Double) {
        self.clients = clients
        self.schedule = schedule
        self.begunAt = begunAt
        self.offset = offset
    }

    /// How many have not been told.
    public var left: Int { clients.count - next }

    /// When the next one is to be told; `nil` when all have been.
    public var nextAt: Instant? { left == 0 ? nil : begunAt + schedule.goodbye(place) }

    /// Takes the next client whose time has come.
    /// - Returns: the client and the wait that it is told.
    public mutating func take(now: Instant) -> (client: Client, retryAfter: Instant.Span)? {
        guard let nextAt, now >= nextAt else { return nil }
        let place = place
        defer { next += 1 }
        return (clients[next], schedule.retryAfter(place))
    }

    private var place: Double { (Double(next) + offset) / Double(clients.count) }
}
