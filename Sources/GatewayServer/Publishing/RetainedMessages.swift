import DequeModule
import GatewayCore
import NIOCore
import Synchronization

/// Which topics keep their last message, in the order in which they began to, so that the number and bytes of all are
/// bounded. The messages themselves stand with their topics, whose locks make joining and publishing take turns.
final class RetainedMessages: Sendable {
    private struct State {
        var bytes: [String: Int] = [:]
        var total = 0
        /// May hold topics that have been cleared since.
        var order = Deque<String>()
    }

    private let state = Mutex(State())
    private let maxTopics: Int
    private let maxBytes: Int
    /// Topics that lost their last message to the bounds.
    let evicted = Atomic<Int>(0)

    init(maxTopics: Int, maxBytes: Int) {
        self.maxTopics = maxTopics
        self.maxBytes = maxBytes
    }

    /// Topics and bytes that are kept.
    var figures: (topics: Int, bytes: Int) { state.withLock { ($0.bytes.count, $0.total) } }

    /// A topic's last message has changed.
    /// - Parameter cost: its bytes; `nil` if there is none any more.
    /// - Returns: topics that have to let theirs go, the oldest first.
    func note(_ topic: String, cost: Int?) -> [String] {
        let gone: [String] = state.withLock { state in
            state.total -= state.bytes[topic] ?? 0
            guard let cost else {
                state.bytes[topic] = nil
                if state.order.count > 2 * maxTopics { state.order.removeAll { state.bytes[$0] == nil } }
                return []
            }
            if state.bytes.updateValue(cost, forKey: topic) == nil { state.order.append(topic) }
            state.total += cost
            var gone: [String] = []
            while state.bytes.count > maxTopics || state.total > maxBytes, let oldest = state.order.popFirst() {
                guard let freed = state.bytes.removeValue(forKey: oldest) else { continue }
                state.total -= freed
                gone.append(oldest)
            }
            return gone
        }
        if !gone.isEmpty { evicted.add(gone.count, ordering: .relaxed) }
        return gone
    }
}

/// What a publish does to its topic's last message.
enum Retention {
    case keep(Message)
    case clear
}

extension Message {
    /// The same message as those get it who subscribe later: with `"retained":true`, and never durable.
    func retained() -> Message {
        let mark = #""retained":true,"#
        var tail = ByteBufferAllocator().buffer(capacity: mark.utf8.count + self.tail.readableBytes)
        tail.writeString(mark)
        tail.writeImmutableBuffer(self.tail)
        return Message(
            tail: tail, idOffset: idOffset + mark.utf8.count, idLength: idLength, topic: topic, event: event,
            priority: priority, isDurable: false, transport: nil, binary: binary, key: key, acceptedAt: acceptedAt,
            expiresAt: expiresAt)
    }
}
