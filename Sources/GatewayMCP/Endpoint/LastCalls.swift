import Synchronization

/// The calls of clients that ended last, on all event loops.
final class LastCalls: Sendable {
    struct Entry: Sendable {
        /// Milliseconds since 1970.
        let at: Int64
        let server: String
        let method: String
        /// The tool, prompt or resource, as the server calls it.
        let name: String?
        let milliseconds: Double
        let isError: Bool
    }

    /// Calls that are kept.
    private static let capacity = 50

    private let state = Mutex<(entries: [Entry], next: Int)>(([], 0))

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

    var newest: [Entry] {
        state.withLock { state in
            let isFull = state.entries.count == Self.capacity
            return Array(
                (isFull ? state.entries[state.next...] + state.entries[..<state.next] : state.entries[...]).reversed())
        }
    }
}
