extension Session {
    /// A topic whose messages are appended to this session's log.
    public struct Subscription: Equatable, Sendable {
        public let topic: String
        /// Connections that asked for it. 0: they have all gone without leaving, and a resume takes it up again.
        public internal(set) var claims: Int
        /// When the last of them went without leaving.
        var orphanedAt: Instant?
    }

    public enum ClaimResult: Equatable, Sendable {
        /// The topic is new to this session: enter it in the topic's member list.
        case subscribed
        /// The session had it already.
        case claimed
        /// The client has as many topics as it may.
        case tooMany
    }

    public func isSubscribed(to topic: String) -> Bool { subscriptions.contains { $0.topic == topic } }

    /// A connection asks for a topic.
    public mutating func claim(_ topic: String, limits: SessionLimits) -> ClaimResult {
        if let index = subscriptions.firstIndex(where: { $0.topic == topic }) {
            subscriptions[index].claims += 1
            subscriptions[index].orphanedAt = nil
            return .claimed
        }
        guard subscriptions.count < limits.maxTopics else { return .tooMany }
        subscriptions.append(Subscription(topic: topic, claims: 1))
        return .subscribed
    }

    /// A connection does not want a topic any more.
    /// - Parameter leaving: whether the client said so; otherwise its connection has gone, and the subscription stays
    ///   as an orphan for a resume.
    /// - Returns: whether the session is not subscribed any more: take it out of the topic's member list.
    public mutating func release(_ topic: String, leaving: Bool, now: Instant) -> Bool {
        guard let index = subscriptions.firstIndex(where: { $0.topic == topic }) else { return false }
        subscriptions[index].claims = max(0, subscriptions[index].claims - 1)
        guard subscriptions[index].claims == 0 else { return false }
        subscriptions[index].orphanedAt = now
        guard leaving else { return false }
        subscriptions.remove(at: index)
        return true
    }

    /// The client does not want a topic any more, on none of its connections.
    /// - Returns: whether it was subscribed.
    public mutating func unsubscribe(_ topic: String) -> Bool {
        guard let index = subscriptions.firstIndex(where: { $0.topic == topic }) else { return false }
        subscriptions.remove(at: index)
        return true
    }

    /// Gives orphaned subscriptions to a connection that goes on where the client was.
    mutating func adoptOrphans() -> [String] {
        var adopted: [String] = []
        for index in subscriptions.indices where subscriptions[index].claims == 0 {
            subscriptions[index].claims = 1
            subscriptions[index].orphanedAt = nil
            adopted.append(subscriptions[index].topic)
        }
        return adopted
    }

    /// Ends subscriptions that nobody has taken up again in time.
    /// - Returns: their topics: take the session out of their member lists.
    public mutating func endOrphans(now: Instant, limits: SessionLimits) -> [String] {
        let ended = subscriptions.filter { subscription in
            subscription.claims == 0 && subscription.orphanedAt.map { now - $0 >= limits.retention } ?? true
        }.map(\.topic)
        if !ended.isEmpty { subscriptions.removeAll { ended.contains($0.topic) } }
        return ended
    }

    /// Ends orphaned subscriptions.
    mutating func removeOrphans() -> [String] {
        let orphans = subscriptions.filter { $0.claims == 0 }.map(\.topic)
        if !orphans.isEmpty { subscriptions.removeAll { $0.claims == 0 } }
        return orphans
    }
}
