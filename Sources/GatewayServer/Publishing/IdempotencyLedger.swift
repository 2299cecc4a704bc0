import DequeModule
import GatewayCore
import Synchronization

/// The ids that senders gave their messages lately, with the answers they got: the same id from the same sender is
/// accepted once and answered alike (contract §6.5).
final class IdempotencyLedger: Sendable {
    /// What a message's sender was told.
    enum Answer: Sendable {
        case published(PublishOutcome)
        case accepted(id: String, operation: EventID?)

        /// About how many bytes it takes.
        var cost: Int {
            switch self {
            case .published(let outcome): 200 + outcome.results.count * 64
            case .accepted: 200
            }
        }
    }

    private struct Key: Hashable {
        let sender: String
        let id: String
    }

    private struct State {
        var answers: [Key: Answer] = [:]
        /// Oldest first.
        var order = Deque<(key: Key, at: Instant, cost: Int)>()
        var bytes = 0

        mutating func removeOldest() {
            guard let oldest = order.popFirst() else { return }
            answers[oldest.key] = nil
            bytes -= oldest.cost
        }
    }

    private final class Shard: Sendable {
        let state = Mutex(State())
    }

    private static let shardCount = 32
    /// Answers to messages for many clients are long.
    private static let bytesPerShard = 2 << 20
    private let shards: [Shard]
    private let window: Instant.Span
    private let perShard: Int

    /// - Parameters:
    ///   - window: how long an id is remembered.
    ///   - limit: how many ids are remembered at the most; beyond it, or beyond 64 MiB of answers, the oldest are
    ///     forgotten early.
    init(window: Instant.Span, limit: Int) {
        self.window = window
        perShard = max(1, limit / Self.shardCount)
        shards = (0..<Self.shardCount).map { _ in Shard() }
    }

    /// Runs `publish`, unless the sender's id has been here: then its answer is given again. Two calls with the same id
    /// take turns. A refusal is not remembered, so that the sender can try again.
    func once(
        sender: String, id: String, now: Instant, _ publish: () throws(Problem) -> Answer
    ) throws(Problem) -> Answer {
        let key = Key(sender: sender, id: id)
        let shard = shards[Int(UInt(bitPattern: key.hashValue) % UInt(Self.shardCount))]
        // Order of locks: this, then a topic's, then a session's.
        let result: Result<Answer, Problem> = shard.state.withLock { state in
            while let oldest = state.order.first, now - oldest.at >= window { state.removeOldest() }
            if let answer = state.answers[key] { return .success(answer) }
            return Result { () throws(Problem) in
                let answer = try publish()
                let cost = answer.cost + 2 * (sender.utf8.count + id.utf8.count)
                while state.order.count >= perShard || state.bytes + cost > Self.bytesPerShard, !state.order.isEmpty {
                    state.removeOldest()
                }
                state.answers[key] = answer
                state.order.append((key, now, cost))
                state.bytes += cost
                return answer
            }
        }
        return try result.get()
    }
}
