/// Who is on one topic. Joins and leaves gather until `takeDiff`: what was told before and the difference are together
/// what is told after it, whatever came in which order, so that a client that has the one needs only the other.
public struct PresenceRoster: Sendable {
    /// One connection of a client, as others see it.
    public struct Entry: Hashable, Sendable {
        /// Tells this stay from all others of the client (`phx_ref`).
        public let reference: String
        /// How the connection is called: `websocket`, `http_sse`, `longpoll`.
        public let transport: String
        /// When it came.
        public let since: Timestamp

        public init(reference: String, transport: String, since: Timestamp) {
            self.reference = reference
            self.transport = transport
            self.since = since
        }
    }

    /// Entries by client, in no order.
    public typealias Members = [ClientID: [Entry]]

    /// What has changed since the last difference.
    public struct Diff: Equatable, Sendable {
        public fileprivate(set) var joins: Members = [:]
        public fileprivate(set) var leaves: Members = [:]

        public var isEmpty: Bool { joins.isEmpty && leaves.isEmpty }
    }

    /// What has been told.
    public private(set) var told: Members = [:]
    private var pending = Diff()
    private var present: [ConnectionID: (client: ClientID, entry: Entry)] = [:]
    private let limit: Int

    /// - Parameter limit: entries at the most; whoever comes beyond is not listed.
    public init(limit: Int) { self.limit = limit }

    /// Connections that are listed.
    public var count: Int { present.count }

    /// Whether there is something to tell.
    public var hasChanged: Bool { !pending.isEmpty }

    /// A connection is there. One that is listed already stays as it is.
    /// - Returns: whether it is listed.
    @discardableResult
    public mutating func join(_ client: ClientID, _ connection: ConnectionID, _ entry: Entry) -> Bool {
        if present[connection] != nil { return true }
        guard present.count < limit else { return false }
        present[connection] = (client, entry)
        pending.joins[client, default: []].append(entry)
        return true
    }

    /// A connection is not there any more.
    public mutating func leave(_ connection: ConnectionID) {
        guard let (client, entry) = present.removeValue(forKey: connection) else { return }
        // Whoever came and went within one difference was never there.
        if !pending.joins.remove(entry, of: client) { pending.leaves[client, default: []].append(entry) }
    }

    /// Takes the difference to what has been told: it counts as told from now on.
    /// - Returns: `nil` if there is none.
    public mutating func takeDiff() -> Diff? {
        guard hasChanged else { return nil }
        let diff = pending
        pending = Diff()
        told.apply(diff)
        return diff
    }
}

extension PresenceRoster.Members {
    /// Becomes what it is after a difference.
    public mutating func apply(_ diff: PresenceRoster.Diff) {
        for (client, entries) in diff.joins { self[client, default: []] += entries }
        for (client, entries) in diff.leaves { for entry in entries { _ = remove(entry, of: client) } }
    }

    /// - Returns: whether it was there.
    fileprivate mutating func remove(_ entry: PresenceRoster.Entry, of client: ClientID) -> Bool {
        guard let place = self[client]?.firstIndex(of: entry) else { return false }
        self[client]!.remove(at: place)
        if self[client]!.isEmpty { self[client] = nil }
        return true
    }
}
