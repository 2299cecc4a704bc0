import GatewayCore
import GatewayStore
import Synchronization

/// For which clients earlier processes have left messages that this one has not read yet. Their sessions cannot begin
/// before that: to begin without those messages would be to lose them.
final class Inheritance: Sendable {
    /// Nothing left, as after a start on an empty file: most gateways need no look at the set.
    private let isOver = Atomic<Bool>(true)
    private let state = Mutex<(clients: Set<UInt64>, shared: Set<UInt64>)>(([], []))

    /// Takes over what the opened store has.
    func fill(_ contents: StoreContents) {
        state.withLock { $0 = (contents.clients, contents.sharedDigests) }
        isOver.store(contents.clients.isEmpty, ordering: .releasing)
    }

    /// Whether messages may wait for the client, so that the store has to be read before its session begins.
    func holds(_ client: ClientID) -> Bool {
        guard !isEmpty else { return false }
        return state.withLock { $0.clients.contains(ClientDigest.of(client)) }
    }

    /// Whether nobody has to wait for the store.
    var isEmpty: Bool { isOver.load(ordering: .acquiring) }

    /// The client's session has begun with what was left for it.
    func passedOn(_ client: ClientID) {
        let digest = ClientDigest.of(client)
        let isOver = state.withLock { state in
            // The other client behind a shared digest may not have come yet.
            if !state.shared.contains(digest) { state.clients.remove(digest) }
            return state.clients.isEmpty
        }
        if isOver { self.isOver.store(true, ordering: .releasing) }
    }
}

extension Gateway {
    /// Whether the client's session can only begin when the store has been read.
    func mustRestore(_ client: ClientID) -> Bool {
        guard let storage, storage.inheritance.holds(client) else { return false }
        return directory.find(client) == nil
    }

    /// Those recipients of a message whose sessions can only begin when the store has been read.
    func recipientsToRestore(_ request: PublishRequest) -> [ClientID] {
        guard let storage, !storage.inheritance.isEmpty, request.isDurable != false else { return [] }
        let names = (request.clientIDs ?? []) + [request.clientID, request.to].compactMap(\.self)
        return names.compactMap { ClientID($0) }.filter(mustRestore)
    }

    /// Reads what earlier processes have left for clients, and then runs `body` on an event loop. If it could not be
    /// read, their sessions still cannot begin, and `SessionDirectory.refusal` says why.
    func restore(_ clients: [ClientID], on loop: Int, _ body: @escaping @Sendable (LoopState) -> Void) {
        storage?.restore(clients, in: directory) { self.onLoop(loop, body) }
    }

    /// The same for those who are on no event loop.
    func restore(_ clients: [ClientID]) async {
        let missing = clients.filter(mustRestore)
        guard let storage, !missing.isEmpty else { return }
        await withCheckedContinuation { continuation in
            storage.restore(missing, in: directory) { continuation.resume() }
        }
    }
}
