import GatewayCore
import GatewayStore
import Synchronization

/// All sessions of this node, by client id; sharded, so that threads rarely meet at a lock.
package final class SessionDirectory: Sendable {
    private static let shardCount = 64
    private let shards: [Shard]
    private let count = Atomic<Int>(0)
    private let limit: Int
    private let identifiers: Mutex<IdentifierSource>

    private final class Shard: Sendable {
        let sessions = Mutex<[ClientID: SessionHandle]>([:])
    }

    /// What knows the messages that earlier processes have left.
    private let storage: MessageStorage?

    /// - Parameter limit: sessions at the most.
    init(limit: Int, storage: MessageStorage? = nil) {
        self.limit = limit
        self.storage = storage
        shards = (0..<Self.shardCount).map { _ in Shard() }
        identifiers = Mutex(IdentifierSource())
    }

    /// Number of sessions, with and without connections.
    var sessionCount: Int { count.load(ordering: .relaxed) }

    var isFull: Bool { sessionCount >= limit }

    func find(_ id: ClientID) -> SessionHandle? {
        shard(id).sessions.withLock { $0[id] }
    }

    /// The client's session, begun if there is none.
    /// - Returns: `nil` if there are as many sessions as there may be, or if what is stored for the client has not been
    ///   read (`Gateway.restore`); `refusal` says which.
    package func findOrBegin(_ id: ClientID, now: Instant) -> SessionHandle? {
        shard(id).sessions.withLock { sessions in
            if let handle = sessions[id] { return handle }
            guard count.add(1, ordering: .relaxed).newValue <= limit else {
                count.subtract(1, ordering: .relaxed)
                return nil
            }
            // To begin without what is stored would be to lose it.
            guard storage?.inheritance.holds(id) != true else {
                count.subtract(1, ordering: .relaxed)
                return nil
            }
            let handle = SessionHandle(
                clientID: id, session: Session(epoch: identifiers.withLock { $0.epoch() }, now: now),
                life: storage?.newLife() ?? 0)
            sessions[id] = handle
            return handle
        }
    }

    /// Begins a client's session with what an earlier process has left.
    /// - Parameter places: where the messages are stored.
    /// - Returns: `false` if it has begun already, or if there are as many sessions as there may be.
    func begin(_ id: ClientID, with messages: [Message], at places: [StorePlace], now: Instant) -> Bool {
        shard(id).sessions.withLock { sessions in
            guard sessions[id] == nil else { return false }
            guard count.add(1, ordering: .relaxed).newValue <= limit else {
                count.subtract(1, ordering: .relaxed)
                return false
            }
            let epoch = identifiers.withLock { $0.epoch() }
            sessions[id] = SessionHandle(
                clientID: id, session: Session(epoch: epoch, now: now, restored: messages),
                life: storage?.newLife() ?? 0, inherited: places)
            return true
        }
    }

    /// Why the client's session could not be begun.
    func refusal(_ id: ClientID) -> Problem { isFull ? .tooManySessions : .notRestored(id) }

    /// Runs `body` on the client's session, begun if there is none. The session is not forgotten meanwhile.
    /// - Returns: `nil` if it cannot be begun; `refusal` says why.
    func withSession<Result>(
        _ id: ClientID, now: Instant, _ body: (SessionHandle, inout Session) -> Result
    ) -> Result? {
        guard let handle = findOrBegin(id, now: now) else { return nil }
        // A sweep may have forgotten it in the meantime; then a new one is begun.
        let result: Result? = handle.session.withLock { session in
            session.isForgotten ? nil : body(handle, &session)
        }
        return result ?? withSession(id, now: now, body)
    }

    func forEach(_ body: (SessionHandle) -> Void) {
        for shard in shards {
            let handles = shard.sessions.withLock { Array($0.values) }
            handles.forEach(body)
        }
    }

    /// The sessions of one shard.
    /// - Parameter step: any number; successive numbers go through all shards.
    func handles(ofShard step: Int) -> [SessionHandle] {
        shards[step % Self.shardCount].sessions.withLock { Array($0.values) }
    }

    /// Forgets the sessions of one shard that have outlived their time, and subscriptions that nobody took up again.
    /// - Parameter step: any number; successive numbers go through all shards.
    /// - Returns: sessions, each with topics that it is not subscribed to any more.
    func sweep(step: Int, now: Instant, limits: SessionLimits) -> [(SessionHandle, [String])] {
        let shard = shards[step % Self.shardCount]
        return shard.sessions.withLock { sessions in
            var ended: [(SessionHandle, [String])] = []
            for (id, handle) in sessions {
                let (isOver, topics) = handle.session.withLock { session in
                    let isOver = session.expire(now: now, limits: limits)
                    if let storage {
                        let end = session.durableEnd
                        let done = session.takeReleasable(limits: limits) ?? end..<end
                        if !done.isEmpty || isOver && end > 0 { storage.release(handle, done, ends: isOver) }
                    }
                    return isOver ? (true, session.forget()) : (false, session.endOrphans(now: now, limits: limits))
                }
                if isOver {
                    sessions[id] = nil
                    count.subtract(1, ordering: .relaxed)
                }
                if !topics.isEmpty { ended.append((handle, topics)) }
            }
            return ended
        }
    }

    private func shard(_ id: ClientID) -> Shard {
        // `Hasher` differs from process to process, which is right here: nobody can choose ids that meet in one shard.
        shards[Int(UInt(bitPattern: id.hashValue) % UInt(Self.shardCount))]
    }
}
