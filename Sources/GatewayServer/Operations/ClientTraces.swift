import DequeModule
import GatewayCore
import Synchronization
import WireJSON

/// Everything that happens to the clients that operators trace, for as long as they asked. While nobody is traced, none
/// of this runs: whoever calls it looks at `ClientObservers.isUsed` first.
final class ClientTraces: Sendable {
    /// One event, as JSON text.
    struct Entry: Sendable {
        let number: Int
        let json: [UInt8]
    }

    /// What a trace holds, and for how long.
    struct Limits: Sendable {
        var clients = 100
        var events = 1000
    }

    private struct Trace {
        var endsAt: Instant
        var entries: Deque<Entry> = []
        var next = 0
        var readers: [Int: @Sendable (Entry) -> Void] = [:]
    }

    private struct State {
        var limits = Limits()
        var traces: [ClientID: Trace] = [:]
        var nextReader = 0
    }

    private let state = Mutex(State())

    func configure(_ limits: Limits) { state.withLock { $0.limits = limits } }

    /// Begins to trace a client, or goes on for longer.
    /// - Returns: how many traces there are more than before; `nil` if there are as many as may be.
    func arm(_ client: ClientID, until end: Instant) -> Int? {
        state.withLock { state in
            if state.traces[client] != nil {
                state.traces[client]?.endsAt = end
                return 0
            }
            guard state.traces.count < state.limits.clients else { return nil }
            state.traces[client] = Trace(endsAt: end)
            return 1
        }
    }

    /// - Returns: how many traces ended.
    func disarm(_ client: ClientID) -> Int { state.withLock { $0.traces.removeValue(forKey: client) == nil ? 0 : 1 } }

    /// Ends what has lasted long enough.
    /// - Returns: how many traces ended.
    func expire(now: Instant) -> Int {
        state.withLock { state in
            guard !state.traces.isEmpty else { return 0 }
            let before = state.traces.count
            state.traces = state.traces.filter { $0.value.endsAt > now || !$0.value.readers.isEmpty }
            return before - state.traces.count
        }
    }

    /// What is known of a client that is traced, and until when it is; `nil` if it is not.
    func trace(of client: ClientID) -> (endsAt: Instant, entries: [Entry])? {
        state.withLock { state in state.traces[client].map { ($0.endsAt, Array($0.entries)) } }
    }

    /// Hands every event of a traced client over, from the one on that is known longest.
    /// - Parameter reader: called in order, under a lock: it only passes on.
    /// - Returns: what `unread` wants; `nil` if the client is not traced.
    func read(_ client: ClientID, _ reader: @escaping @Sendable (Entry) -> Void) -> Int? {
        state.withLock { state in
            guard state.traces[client] != nil else { return nil }
            state.nextReader += 1
            let number = state.nextReader
            for entry in state.traces[client]?.entries ?? [] { reader(entry) }
            state.traces[client]?.readers[number] = reader
            return number
        }
    }

    func unread(_ client: ClientID, _ number: Int) {
        state.withLock { _ = $0.traces[client]?.readers.removeValue(forKey: number) }
    }

    /// Adds an event, if the client is traced.
    func note(_ client: ClientID, _ event: String, _ data: (inout JSONWriter) -> Void) {
        state.withLock { state in
            guard let index = state.traces.index(forKey: client) else { return }
            let number = state.traces.values[index].next
            let json = JSONWriter.object { writer in
                writer.member("number", number)
                writer.member("timestamp", Clock.wall.text)
                writer.member("event", event)
                data(&writer)
            }
            let entry = Entry(number: number, json: json)
            state.traces.values[index].next += 1
            state.traces.values[index].entries.append(entry)
            if state.traces.values[index].entries.count > state.limits.events {
                state.traces.values[index].entries.removeFirst()
            }
            for reader in state.traces.values[index].readers.values { reader(entry) }
        }
    }

    /// A message was put into the client's log.
    func accepted(_ message: Message, sequence: Int, _ client: ClientID) {
        note(client, "message_accepted") { writer in
            writer.member("sequence", sequence)
            writer.member("id", message.id)
            if let topic = message.topic { writer.member("topic", topic) }
            writer.member("size", message.cost)
        }
    }
}
