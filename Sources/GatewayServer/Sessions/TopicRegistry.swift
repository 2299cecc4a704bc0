import GatewayCore
import Synchronization

/// Which sessions are subscribed to which topic.
///
/// Order of locks: a topic's, then a session's; never the other way round.
final class TopicRegistry: Sendable {
    private static let shardCount = 32
    private let shards: [Shard]

    private final class Shard: Sendable {
        let topics = Mutex<[String: TopicMembers]>([:])
    }

    /// The bounds of what topics keep for later subscribers.
    let retained: RetainedMessages

    init(retained: RetainedMessages = RetainedMessages(maxTopics: 10_000, maxBytes: 64 << 20)) {
        self.retained = retained
        shards = (0..<Self.shardCount).map { _ in Shard() }
    }

    /// Brings a topic's member list into agreement with what the session says of itself. Calls for the same session may
    /// come in any order; the last one to run is right.
    /// - Parameter greet: called with the topic's last message, if it keeps one, for a session that is new to it: before
    ///   any later message, and after all earlier ones.
    func reconcile(_ topic: String, _ handle: SessionHandle, greet: (Message) -> Void = { _ in }) {
        while true {
            let isWanted = handle.session.withLock { $0.isSubscribed(to: topic) }
            guard let members = members(topic, beginning: isWanted) else { return }
            // Not under the shard's lock: a long publish to this topic must not hold up all others.
            let isEmpty: Bool? = members.list.withLock { list in
                guard !list.isRetired else { return nil }
                if handle.session.withLock({ $0.isSubscribed(to: topic) }) {
                    if list.insert(handle), let last = list.retained { greet(last) }
                } else {
                    list.remove(handle)
                }
                return list.isIdle
            }
            switch isEmpty {
            // The list was taken out meanwhile: look again.
            case nil: continue
            case false?: return
            case true?: return retire(topic, members)
            }
        }
    }

    private func members(_ topic: String, beginning: Bool) -> TopicMembers? {
        shard(topic).topics.withLock { topics in
            if let present = topics[topic] { return present }
            guard beginning else { return nil }
            let fresh = TopicMembers()
            topics[topic] = fresh
            return fresh
        }
    }

    /// Takes an empty list out, unless somebody has come or is publishing: then a later leave does it.
    private func retire(_ topic: String, _ members: TopicMembers) {
        shard(topic).topics.withLock { topics in
            guard topics[topic] === members else { return }
            let isOver = members.list.withLockIfAvailable { list in
                if list.isIdle { list.isRetired = true }
                return list.isRetired
            }
            if isOver == true { topics[topic] = nil }
        }
    }

    /// Runs `body` on the topic's sessions. Publishers to one topic take turns, so that all subscribers see one order.
    /// - Parameter retention: what becomes of the topic's last message; in one step with `body`.
    func withMembers(_ topic: String, retention: Retention? = nil, _ body: ([SessionHandle]) -> Void) {
        guard let retention else {
            guard let members = shard(topic).topics.withLock({ $0[topic] }) else { return }
            return members.list.withLock { body($0.handles) }
        }
        let message: Message? = if case .keep(let message) = retention { message } else { nil }
        while let members = members(topic, beginning: message != nil) {
            let isDone = members.list.withLock { list in
                guard !list.isRetired else { return false }
                list.retained = message
                body(list.handles)
                return true
            }
            guard isDone else { continue }
            if message == nil { retire(topic, members) }
            break
        }
        for oldest in retained.note(topic, cost: message?.cost) { clear(oldest) }
    }

    /// A topic lets its last message go.
    private func clear(_ topic: String) {
        guard let members = members(topic, beginning: false) else { return }
        members.list.withLock { $0.retained = nil }
        retire(topic, members)
    }

    /// Number of topics with at least one subscriber.
    var topicCount: Int { shards.reduce(0) { $0 + $1.topics.withLock { $0.count } } }

    private func shard(_ topic: String) -> Shard {
        shards[Int(UInt(bitPattern: topic.hashValue) % UInt(Self.shardCount))]
    }
}

/// The sessions of one topic.
private final class TopicMembers: Sendable {
    struct List {
        private(set) var handles: [SessionHandle] = []
        /// What whoever subscribes gets first.
        var retained: Message?
        /// The list is not the topic's any more.
        var isRetired = false
        private var places: [ObjectIdentifier: Int] = [:]

        /// Whether nobody would notice if the list were gone.
        var isIdle: Bool { handles.isEmpty && retained == nil }

        /// - Returns: whether it is new here.
        mutating func insert(_ handle: SessionHandle) -> Bool {
            guard places[ObjectIdentifier(handle)] == nil else { return false }
            places[ObjectIdentifier(handle)] = handles.count
            handles.append(handle)
            return true
        }

        mutating func remove(_ handle: SessionHandle) {
            guard let place = places.removeValue(forKey: ObjectIdentifier(handle)) else { return }
            let last = handles.removeLast()
            guard place < handles.count else { return }
            handles[place] = last
            places[ObjectIdentifier(last)] = place
        }
    }

    let list = Mutex(List())
}
