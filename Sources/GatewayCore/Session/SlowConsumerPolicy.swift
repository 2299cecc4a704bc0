/// What becomes of messages that a connection does not read fast enough (contract §6.6).
public enum SlowConsumerPolicy: String, CaseIterable, Sendable {
    /// The connection is closed, and the client resumes.
    case disconnect
    /// The oldest waiting messages are skipped.
    case dropOldest = "drop_oldest"
    /// Waiting messages are skipped that a later one with the same `key` replaces; then the oldest.
    case conflate
    /// Everything but `high` is skipped until the connection has caught up.
    case criticalOnly = "critical_only"

    /// Whether a connection that is behind goes on with a hole that it is told of.
    public var drops: Bool { self != .disconnect }
}

/// Why messages are missing, as the event `gap` says it.
public enum GapReason: String, CaseIterable, Sendable {
    /// Their time to live was over.
    case expired
    /// The connection did not read fast enough, and its policy skipped them.
    case slowConsumer = "slow_consumer"
    /// They waited for acknowledgements, and a more urgent message or the bound of the log passed them.
    case backpressure
    /// They fell out of the log while they waited for this connection.
    case trimmed
    /// They could not be stored, and their senders have been refused.
    case notStored = "not_stored"
    /// Their stored form has come back damaged.
    case damaged
}

/// What is skipped while a connection is behind.
struct Backlog: Sendable {
    /// Messages with the same key on the same topic replace each other.
    struct Key: Hashable, Sendable {
        let topic: String?
        let key: String
    }

    /// The last message of each key; the others are skipped. Empty unless the policy is `conflate`.
    private(set) var latest: [Key: Int] = [:]

    /// A message joins the backlog.
    /// - Returns: the one that it replaces.
    mutating func add(_ message: Message, _ sequence: Int) -> Int? {
        guard let key = message.key else { return nil }
        return latest.updateValue(sequence, forKey: Key(topic: message.topic, key: key))
    }

    /// Whether a message is still to be handed out.
    func keeps(_ message: Message, _ sequence: Int, policy: SlowConsumerPolicy) -> Bool {
        switch policy {
        case .criticalOnly: return message.priority == .high
        case .conflate:
            guard let key = message.key, let last = latest[Key(topic: message.topic, key: key)] else { return true }
            return last == sequence
        case .disconnect, .dropOldest: return true
        }
    }
}
