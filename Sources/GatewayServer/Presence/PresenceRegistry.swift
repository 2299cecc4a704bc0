import GatewayCore
import Synchronization

/// The topics whose members are shown to each other.
///
/// Order of locks: the registry's, or a topic's; never both.
final class PresenceRegistry: Sendable {
    private struct State {
        var topics: [String: PresenceTopic] = [:]
        /// Topics with a difference that waits for the next turn.
        var changed: [ObjectIdentifier: PresenceTopic] = [:]
        var lastReference: UInt64
    }

    private let state: Mutex<State>
    private let patterns: [String]
    private let limit: Int
    /// How long differences of one topic gather.
    let interval: Instant.Span
    /// Connections that came when their topic's list was full.
    let unlisted = Atomic<Int>(0)

    init(_ settings: GatewaySettings.Presence) {
        patterns = settings.topics
        limit = settings.maxMembers
        interval = settings.interval
        // Of another process no reference is taken for one of this.
        state = Mutex(State(lastReference: .random(in: 0..<1 << 62)))
    }

    /// Whether any topic may have presence.
    var isOn: Bool { !patterns.isEmpty }

    /// Whether the operator wants the topic's members to see each other.
    func covers(_ topic: String) -> Bool {
        isOn && patterns.contains { $0.last == "*" ? topic.hasPrefix($0.dropLast()) : topic == $0 }
    }

    /// A connection has come to a topic.
    func join(
        _ topic: String, _ client: ClientID, _ connection: ConnectionID, transport: String, at time: Timestamp,
        now: Instant, wakes: inout WakeSet
    ) -> PresenceCursor {
        while true {
            let (present, reference) = state.withLock { state in
                state.lastReference += 1
                let present = state.topics[topic] ?? PresenceTopic(topic, limit: limit)
                state.topics[topic] = present
                return (present, String(state.lastReference, radix: 36))
            }
            let entry = PresenceRoster.Entry(reference: reference, transport: transport, since: time)
            let arrival = present.join(client, connection, entry, interval: interval, now: now, wakes: &wakes)
            guard case .watching(let due, let isListed, let mustFlush) = arrival else {
                forget(present)
                continue
            }
            if !isListed { unlisted.add(1, ordering: .relaxed) }
            if mustFlush { note(present) }
            return PresenceCursor(topic: present, due: due)
        }
    }

    /// A connection has gone from a topic.
    func leave(_ topic: PresenceTopic, _ connection: ConnectionID) { settle(topic, topic.leave(connection)) }

    /// A client has gone from a topic, on all of its connections.
    func leave(_ topic: String, client: ClientID) {
        guard let present = state.withLock({ $0.topics[topic] }) else { return }
        settle(present, present.leave { _, owner in owner == client })
    }

    /// Tells what has gathered.
    func flush(now: Instant, wakes: inout WakeSet) {
        let changed = state.withLock { state in
            defer { state.changed = [:] }
            return state.changed
        }
        for topic in changed.values { topic.flush(now: now, wakes: &wakes) }
    }

    /// Topics with presence, and the connections that are listed there.
    var figures: (topics: Int, members: Int) {
        let topics = state.withLock { Array($0.topics.values) }
        return (topics.count, topics.reduce(0) { $0 + $1.count })
    }

    private func settle(_ topic: PresenceTopic, _ outcome: (mustFlush: Bool, isEmpty: Bool)) {
        if outcome.isEmpty { forget(topic) } else if outcome.mustFlush { note(topic) }
    }

    private func note(_ topic: PresenceTopic) { state.withLock { $0.changed[ObjectIdentifier(topic)] = topic } }

    private func forget(_ topic: PresenceTopic) {
        state.withLock { state in
            state.changed[ObjectIdentifier(topic)] = nil
            if state.topics[topic.name] === topic { state.topics[topic.name] = nil }
        }
    }
}

/// How much of a topic's presence a connection has been told.
struct PresenceCursor {
    let topic: PresenceTopic
    /// The version from which on it gets its first state.
    let due: Int
    /// The version that it has; `nil` before the first state.
    var seen: Int?

    init(topic: PresenceTopic, due: Int) {
        self.topic = topic
        self.due = due
    }

    /// Whether there may be something to tell.
    var isBehind: Bool {
        let version = topic.version.load(ordering: .acquiring)
        return seen.map { version > $0 } ?? (version >= due)
    }
}
