import Foundation
import Synchronization

/// Clients that are read by one thread of their own.
final class Crowd: Sendable {
    private struct State {
        var clients: [StreamClient] = []
        var isOver = false
    }

    private let state: Mutex<State>

    /// Makes the clients that `make` connects, and begins to read.
    init(_ make: () throws -> sending [StreamClient]) rethrows {
        let clients = try make()
        state = Mutex(State(clients: clients))
        Thread.detachNewThread { [self] in
            while readOnce() {}
        }
    }

    /// Looks at the clients while none of them reads.
    func look<Result: Sendable>(_ body: ([StreamClient]) -> Result) -> Result {
        state.withLock { body($0.clients) }
    }

    /// Closes what is still open, and ends the thread.
    func end() {
        state.withLock { state in
            state.isOver = true
            state.clients.forEach { $0.close() }
        }
    }

    /// - Returns: whether to go on.
    private func readOnce() -> Bool {
        let descriptors: [CInt]? = state.withLock { state in
            state.isOver ? nil : state.clients.filter { !$0.isClosed && !$0.isLazy }.map(\.descriptor)
        }
        guard let descriptors else { return false }
        var polled = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        guard poll(&polled, nfds_t(polled.count), 5) > 0 else { return true }
        let ready = Set(polled.filter { $0.revents != 0 }.map(\.fd))
        state.withLock { state in
            for client in state.clients where !client.isLazy && ready.contains(client.descriptor) { client.readable() }
        }
        return true
    }
}
