import DequeModule
import GatewayCore
import Synchronization
import WireJSON

/// The presence of one topic where connections of all event loops can reach it: the roster, the last differences in their
/// wire form, and who is to be told. A connection is a cursor over the differences; one that has fallen off gets the state.
final class PresenceTopic: Sendable {
    let name: String
    /// How many differences there have been. Read without the lock, so that a look costs connections nothing.
    let version = Atomic<Int>(0)
    private let state: Mutex<State>

    /// Differences that are kept for connections that are behind; a state serves whoever needs more of them.
    private static let keptDiffs = 16

    private struct State {
        var roster: PresenceRoster
        /// Whom to tell, with their clients, the unlisted too.
        var watchers: [ConnectionID: ClientID] = [:]
        /// The differences that lead to the present version.
        var diffs = Deque<[UInt8]>()
        /// What has been told, once somebody has asked.
        var encoded: [UInt8]?
        var flushedAt: Instant?
        /// The topic has been taken out of the registry.
        var isRetired = false
    }

    /// What to tell a connection.
    struct News {
        /// The whole state, for those that have none or are too far behind.
        var state: [UInt8]?
        var diffs: [[UInt8]] = []
        var version: Int
    }

    init(_ name: String, limit: Int) {
        self.name = name
        state = Mutex(State(roster: PresenceRoster(limit: limit)))
    }

    enum Arrival {
        /// The connection is to be told from this version on.
        case watching(due: Int, isListed: Bool, mustFlush: Bool)
        /// The topic is none any more: look for its successor.
        case retired
    }

    /// A connection has come.
    func join(
        _ client: ClientID, _ connection: ConnectionID, _ entry: PresenceRoster.Entry, interval: Instant.Span,
        now: Instant, wakes: inout WakeSet
    ) -> Arrival {
        state.withLock { state in
            guard !state.isRetired else { return .retired }
            state.watchers[connection] = client
            let isListed = state.roster.join(client, connection, entry)
            // The first change after a calm goes out at once; those right behind it gather.
            if state.roster.hasChanged, state.flushedAt.map({ now - $0 >= interval }) ?? true {
                flush(&state, now: now, wakes: &wakes)
            }
            let isPending = state.roster.hasChanged
            let version = version.load(ordering: .relaxed)
            return .watching(
                due: isPending && isListed ? version + 1 : version, isListed: isListed, mustFlush: isPending)
        }
    }

    /// A connection has gone, or all connections of a client.
    /// - Returns: whether a difference is to be told, and whether nobody is left.
    func leave(where isGone: (ConnectionID, ClientID) -> Bool) -> (mustFlush: Bool, isEmpty: Bool) {
        state.withLock { state in
            for (connection, client) in state.watchers where isGone(connection, client) {
                state.watchers[connection] = nil
                state.roster.leave(connection)
            }
            return finishLeave(&state)
        }
    }

    /// A connection has gone.
    func leave(_ connection: ConnectionID) -> (mustFlush: Bool, isEmpty: Bool) {
        state.withLock { state in
            if state.watchers.removeValue(forKey: connection) != nil { state.roster.leave(connection) }
            return finishLeave(&state)
        }
    }

    private func finishLeave(_ state: inout State) -> (mustFlush: Bool, isEmpty: Bool) {
        if state.watchers.isEmpty { state.isRetired = true }
        return (state.roster.hasChanged && !state.isRetired, state.isRetired)
    }

    /// Tells what has gathered: encoded once, for all.
    func flush(now: Instant, wakes: inout WakeSet) {
        state.withLock { flush(&$0, now: now, wakes: &wakes) }
    }

    private func flush(_ state: inout State, now: Instant, wakes: inout WakeSet) {
        guard let diff = state.roster.takeDiff() else { return }
        state.flushedAt = now
        state.encoded = nil
        state.diffs.append(
            JSONWriter.object { writer in
                writer.member("joins") { $0.writeMembers(diff.joins) }
                writer.member("leaves") { $0.writeMembers(diff.leaves) }
            })
        if state.diffs.count > Self.keptDiffs { state.diffs.removeFirst() }
        version.add(1, ordering: .releasing)
        for connection in state.watchers.keys { wakes.insert(connection) }
    }

    /// What a connection that was told everything up to a version has not been told.
    /// - Parameter seen: `nil` if it has nothing yet.
    /// - Returns: `nil` if it is not one of those who are told.
    func news(for connection: ConnectionID, since seen: Int?) -> News? {
        state.withLock { state in
            guard state.watchers[connection] != nil else { return nil }
            let version = version.load(ordering: .relaxed)
            if let seen, version - seen <= state.diffs.count {
                return News(diffs: Array(state.diffs.suffix(version - seen)), version: version)
            }
            if state.encoded == nil { state.encoded = JSONWriter.object { $0.writeMembers(state.roster.told) } }
            return News(state: state.encoded, version: version)
        }
    }

    /// Connections that are listed.
    var count: Int { state.withLock { $0.roster.count } }
}

extension JSONWriter {
    /// The form that Phoenix gives presences: `{key: {"metas": [{"phx_ref": …}]}}`.
    fileprivate mutating func writeMembers(_ members: PresenceRoster.Members) {
        for (client, entries) in members {
            member(client.text) { writer in
                writer.key("metas")
                writer.array { writer in
                    for entry in entries {
                        writer.object { writer in
                            writer.member("phx_ref", entry.reference)
                            writer.member("online_at", entry.since.milliseconds)
                            writer.member("transport", entry.transport)
                        }
                    }
                }
            }
        }
    }
}
