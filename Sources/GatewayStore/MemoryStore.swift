public import GatewayCore
import Synchronization

/// A store in memory: for tests, which can open it again as if a process had ended, and make it fail.
///
/// A gateway with `storage.engine: memory` has no store at all; the sessions' logs are all there is.
public final class MemoryStore: MessageStore {
    private struct State {
        var deliveries: [StorePlace: (client: ClientID, write: StoreWrite)] = [:]
        var clients: [Int64: ClientID] = [:]
        var answers: [RememberedAnswer] = []
        var failure: StoreError?
    }

    private let state = Mutex(State())

    public init() {}

    public var engineName: String { "memory" }

    /// Lets every further call fail, or work again.
    public func fail(with error: StoreError?) { state.withLock { $0.failure = error } }

    public func open(now: Timestamp) throws(StoreError) -> StoreContents {
        try run { state in
            state.answers.removeAll { $0.until.milliseconds <= now.milliseconds }
            var contents = StoreContents()
            contents.nextLife = (state.clients.keys.max() ?? 0) + 1
            for client in Set(state.clients.values) { contents.note(client) }
            contents.answers = state.answers
            return contents
        }
    }

    public func commit(_ batch: StoreBatch) throws(StoreError) {
        try run { state in
            for write in batch.writes {
                for delivery in write.deliveries {
                    state.clients[delivery.place.life] = delivery.client
                    state.deliveries[delivery.place] = (delivery.client, write)
                }
                if let answer = write.answer { state.answers.append(answer) }
            }
            for release in batch.releases {
                for place in state.deliveries.keys
                where place.life == release.life && place.sequence < release.before {
                    state.deliveries[place] = nil
                }
                if release.ends { state.clients[release.life] = nil }
            }
        }
    }

    public func load(_ client: ClientID, now: Timestamp) throws(StoreError) -> StoredSession {
        try run { state in
            let places = state.deliveries.filter { $0.value.client == client }.keys.sorted()
            let messages = places.compactMap { place -> StoredMessage? in
                guard let write = state.deliveries[place]?.write, write.expiresAt.milliseconds > now.milliseconds else {
                    return nil
                }
                return StoredMessage(
                    place: place, acceptedAt: write.acceptedAt, expiresAt: write.expiresAt,
                    attributes: StoredAttributes(write.message), topic: write.message.topic,
                    event: write.message.event, tail: write.message.tail,
                    binary: write.message.binary)
            }
            return StoredSession(
                messages: messages, lives: state.clients.filter { $0.value == client }.keys.sorted())
        }
    }

    public func probe() throws(StoreError) { try run { _ in } }

    public func maintain(now: Timestamp) throws(StoreError) -> Bool {
        try run { state in
            for (place, entry) in state.deliveries where entry.write.expiresAt.milliseconds <= now.milliseconds {
                state.deliveries[place] = nil
            }
            return false
        }
    }

    public var size: Int {
        state.withLock { $0.deliveries.values.reduce(0) { $0 + $1.write.message.cost } }
    }

    public func close() {}

    private func run<Result>(_ body: (inout State) -> sending Result) throws(StoreError) -> sending Result {
        var failure: StoreError?
        let result: Result? = state.withLock { state in
            failure = state.failure
            return failure == nil ? body(&state) : nil
        }
        if let failure { throw failure }
        guard let result else { preconditionFailure("It fails or it works") }
        return result
    }
}
