/// The end of a token on a connection that lives on: a warning, then some grace in which a fresh token may come, then the
/// end.
public struct TokenLifetime: Sendable {
    /// What is to be done.
    public enum Step: Equatable, Sendable {
        case none
        /// Tell the client that its token ends.
        case warn
        /// Close the connection.
        case close
    }

    private let warnsAt: Instant
    /// When the connection is closed.
    public let end: Instant
    private var hasWarned = false

    /// - Parameters:
    ///   - expiresAt: when the token ends.
    ///   - notice: how long before that the client is told.
    ///   - grace: how long after that the connection lives on.
    public init(expiresAt: Instant, notice: Instant.Span, grace: Instant.Span) {
        warnsAt = expiresAt + Instant.Span(nanoseconds: -notice.nanoseconds)
        end = expiresAt + grace
    }

    /// When to look again.
    public var next: Instant { hasWarned ? end : warnsAt }

    /// Time has passed.
    public mutating func advance(to now: Instant) -> Step {
        if now >= end { return .close }
        guard now >= warnsAt, !hasWarned else { return .none }
        hasWarned = true
        return .warn
    }
}
