import DequeModule
import GatewayCore
import GatewayStore
import Synchronization

/// The ids that senders gave their messages lately, with the answers they got: the same id from the same sender is
/// accepted once and answered alike (contract §6.5).
final class IdempotencyLedger: Sendable {
    /// What a message's sender was told.
    enum Answer: Sendable {
        case published(PublishOutcome)
        case accepted(id: String, operation: EventID?)
        /// The answer's JSON text, from before a crash.
        case recalled([UInt8])
        /// Nothing yet: the message is being stored.
        case storing

        /// About how many bytes it takes.
        var cost: Int {
            switch self {
            case .published(let outcome): 200 + outcome.results.count * 64
            case .accepted, .storing: 200
            case .recalled(let body): 200 + body.count
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
        /// Who repeated an id whose message is being stored.
        var waiters: [Key: [AnswerLater]] = [:]

        mutating func remember(_ key: Key, _ answer: Answer, at time: Instant, perShard: Int) {
            let cost = answer.cost + 2 * (key.sender.utf8.count + key.id.utf8.count)
            while order.count >= perShard || bytes + cost > IdempotencyLedger.bytesPerShard, !order.isEmpty {
                removeOldest()
            }
            answers[key] = answer
            order.append((key, time, cost))
            bytes += cost
        }

        mutating func forget(_ key: Key) {
            answers[key] = nil
            guard let index = order.lastIndex(where: { $0.key == key }) else { return }
            bytes -= order.remove(at: index).cost
        }

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
        let shard = shard(key)
        // Order of locks: this, then a topic's, then a session's.
        let result: Result<Answer, Problem> = shard.state.withLock { state in
            while let oldest = state.order.first, now - oldest.at >= window { state.removeOldest() }
            if let answer = state.answers[key] { return .success(answer) }
            return Result { () throws(Problem) in
                let answer = try publish()
                state.remember(key, answer, at: now, perShard: perShard)
                return answer
            }
        }
        return try result.get()
    }

    /// The answer to an id that was being stored when it was repeated.
    /// - Returns: `nil` if it is given later; `.storing` if the first message has been refused meanwhile.
    func whenSettled(sender: String, id: String, _ later: AnswerLater) -> Answer? {
        let key = Key(sender: sender, id: id)
        return shard(key).state.withLock { state in
            guard let answer = state.answers[key] else { return .storing }
            guard case .storing = answer else { return answer }
            state.waiters[key, default: []].append(later)
            return nil
        }
    }

    /// A message has been stored, or refused.
    /// - Parameter answer: what its sender is told; `nil` for a refusal, which is not remembered.
    /// - Returns: who else waits for the answer.
    func settle(sender: String, id: String, _ answer: Answer?) -> [AnswerLater] {
        let key = Key(sender: sender, id: id)
        return shard(key).state.withLock { state in
            if let answer {
                // Unless it had to make room meanwhile.
                if state.answers[key] != nil { state.answers[key] = answer }
            } else {
                state.forget(key)
            }
            return state.waiters.removeValue(forKey: key) ?? []
        }
    }

    /// Takes over what an earlier process has told senders, oldest first.
    func recall(_ answers: [RememberedAnswer], now: Instant, wallClock: Timestamp) {
        for answer in answers {
            let age = Instant.Span.milliseconds(max(0, wallClock.milliseconds - answer.at.milliseconds))
            guard age < window else { continue }
            let key = Key(sender: answer.sender, id: answer.messageID)
            let time = Instant(nanoseconds: now.nanoseconds - age.nanoseconds)
            shard(key).state.withLock { state in
                if state.answers[key] != nil { state.forget(key) }
                state.remember(key, .recalled(answer.body), at: time, perShard: perShard)
            }
        }
    }

    private func shard(_ key: Key) -> Shard { shards[Int(UInt(bitPattern: key.hashValue) % UInt(Self.shardCount))] }
}
