/// What an audit looks at, past what the session reports of itself.
extension Session {
    /// The connections that the session believes to have.
    public var cursorConnections: [ConnectionID] { cursors.map(\.connection) }

    /// Whether a connection has a cursor here.
    public func hasCursor(_ connection: ConnectionID) -> Bool { cursors.contains { $0.connection == connection } }

    /// Counts the bytes of the log anew, and goes by that from now on.
    /// - Returns: messages that were counted, and by how much the log's own figure was wrong.
    public mutating func recountLog() -> (messages: Int, difference: Int) { (log.count, log.recount()) }
}
