import GatewayCore
import Synchronization

/// What went wrong for clients of this node lately, whoever they were. Written when something goes wrong, which is off
/// the path of messages.
final class RecentErrors: Sendable {
    struct Entry: Sendable {
        let at: Timestamp
        /// `nil` if the connection never said whose it is.
        let client: String?
        let transport: String
        /// The close code, or the status of the refusal.
        let code: UInt16
        let reason: String
    }

    /// Entries that are kept.
    static let capacity = 200

    private struct State {
        var entries: [Entry] = []
        var next = 0
    }

    private let state = Mutex(State())

    func note(_ entry: Entry) {
        state.withLock { state in
            if state.entries.count < Self.capacity {
                state.entries.append(entry)
            } else {
                state.entries[state.next] = entry
            }
            state.next = (state.next + 1) % Self.capacity
        }
    }

    /// The newest first.
    func newest(_ limit: Int, of client: String? = nil) -> [Entry] {
        let all = state.withLock { state in
            state.entries.count < Self.capacity
                ? state.entries : Array(state.entries[state.next...] + state.entries[..<state.next])
        }
        return Array(all.reversed().lazy.filter { client == nil || $0.client == client }.prefix(limit))
    }
}
