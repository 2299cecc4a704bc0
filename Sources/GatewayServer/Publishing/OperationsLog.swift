import GatewayCore

/// What clients sent and no other route took: it waits for back ends, which read it as an event stream at `/mcp/events`
/// (contract §10). It is a log with cursors like a client's session, but it loses nothing to make room: when it is full
/// of what no back end has read, clients are told `overloaded`.
final class OperationsLog: Sendable {
    let handle: SessionHandle
    let limits: SessionLimits
    private let maxAge: Instant.Span

    init(_ settings: GatewaySettings, now: Instant) {
        var limits = SessionLimits()
        limits.logMessages = settings.maxOperations
        limits.logBytes = settings.maxOperationBytes
        limits.offlineMessages = settings.maxOperations
        limits.offlineBytes = settings.maxOperationBytes
        limits.maxUnsentBytes = .max
        limits.keepsUndelivered = true
        self.limits = limits
        maxAge = settings.maxOperationAge
        var identifiers = IdentifierSource()
        handle = SessionHandle(clientID: Self.name, session: Session(epoch: identifiers.epoch(), now: now))
    }

    /// What the log is called where a stream says whose it is.
    static let name: ClientID = {
        guard let id = ClientID("mcp:events") else { preconditionFailure("Not a client id") }
        return id
    }()

    /// Stores an operation.
    /// - Returns: its event id, which is also its operation id.
    func append(_ message: Message, _ context: inout PublishContext) throws(Problem) -> EventID {
        let (result, epoch) = handle.session.withLock {
            ($0.append(message, limits: limits, now: context.now, wakes: &context.wakes), $0.epoch)
        }
        switch result {
        case .delivered(let sequence, _), .queued(let sequence): return EventID(epoch: epoch, sequence: sequence)
        case .full:
            throw Problem(
                503, "overloaded",
                "operations.log_messages or operations.log_bytes is reached: no back end reads /mcp/events, or not fast enough",
                retryAfter: 5)
        }
    }

    /// Frees operations that are too old.
    func expire(now: Instant) {
        handle.session.withLock { $0.trim(acceptedBefore: Instant(nanoseconds: now.nanoseconds - maxAge.nanoseconds)) }
    }
}
