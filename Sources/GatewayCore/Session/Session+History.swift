/// What operators ask a session.
extension Session {
    /// Notes what happened to the client.
    public mutating func note(_ event: ClientHistory.Event) {
        let first = history.isEmpty ? beginning : nil
        changeHistory { history in
            if let first { history.note(first) }
            history.note(event)
        }
    }

    /// What happened to the client lately, oldest first.
    public var recentEvents: [ClientHistory.Event] {
        let known = history.events
        return known.isEmpty ? beginning.map { [$0] } ?? [] : known
    }

    /// The one event that needs no room: that the present connection came.
    private var beginning: ClientHistory.Event? {
        guard let connectedSince, let first = cursors.first else { return nil }
        return ClientHistory.Event(.connected, first.transport, at: connectedSince)
    }

    /// Whether the client has connected again and again since `time`.
    public func hasReconnected(_ times: Int, since time: Instant) -> Bool { history.connections(since: time) >= times }

    /// What waits for one connection.
    public struct Waiting: Equatable, Sendable {
        public let messages: Int
        public let bytes: Int
        /// Whether messages are handed to it, rather than to another transport.
        public let isActive: Bool
    }

    /// What waits for one of the session's connections; `nil` if it is none of them.
    public func waiting(for connection: ConnectionID) -> Waiting? {
        guard let cursor = cursors.first(where: { $0.connection == connection }) else { return nil }
        guard cursor.delivers else { return Waiting(messages: 0, bytes: 0, isActive: false) }
        var bytes = 0
        let first = max(cursor.position, log.oldest)
        for sequence in first..<max(first, log.next) { bytes += log[sequence].cost }
        return Waiting(messages: max(0, log.next - cursor.position), bytes: bytes, isActive: true)
    }

    /// Bytes of the messages that are kept for the client.
    public var logBytes: Int { log.bytes }

    /// How often the client has connected.
    public var connectionsEver: Int { Int(connectionsSoFar) }
}
