public import GatewayCore
import Synchronization

/// What happens to a client that is followed.
public enum ClientEvent: Sendable {
    /// A message was put into the client's log.
    case message(FollowedMessage)
    /// A connection came or went.
    case connectionStatus(ConnectionStatus)
    /// Another transport delivers now.
    case transportSwitched(from: Transport, to: Transport)
    /// So many events came while as many waited as may.
    case missed(Int)
}

/// A message of a client that is followed.
public struct FollowedMessage: Sendable {
    /// The message's id.
    public let id: String
    /// Its place in the client's log.
    public let sequence: Int
    /// The topic that it came through.
    public let topic: String?
    /// The envelope without its place, as JSON text.
    public let envelope: [UInt8]
}

/// Which connections a client has.
public struct ConnectionStatus: Equatable, Sendable {
    /// The kinds of connection that it has, best first.
    public let transports: [Transport]
    /// Whether it has any.
    public var isConnected: Bool { !transports.isEmpty }
}

/// The events of one client, from the call on that asked for them. Each call has its own; one iterator takes them.
public struct ClientEvents: AsyncSequence, Sendable {
    private let stream: AsyncStream<ClientEvent>

    fileprivate init(_ stream: AsyncStream<ClientEvent>) { self.stream = stream }

    public func makeAsyncIterator() -> AsyncStream<ClientEvent>.Iterator { stream.makeAsyncIterator() }
}

/// Those who follow clients. Whoever follows nobody costs publishers one relaxed load of a number.
final class ClientObservers: Sendable {
    private struct Observer {
        let continuation: AsyncStream<ClientEvent>.Continuation
        var missed = 0

        mutating func tell(_ event: ClientEvent) {
            if missed > 0 {
                guard case .enqueued = continuation.yield(.missed(missed)) else {
                    missed += 1
                    return
                }
                missed = 0
            }
            if case .dropped = continuation.yield(event) { missed += 1 }
        }
    }

    private struct Followed {
        var observers: [Int: Observer] = [:]
        /// What was told last, because each of several connections reports the same switch.
        var switchedTo: Transport?
        var status: ConnectionStatus?
    }

    private struct State {
        var next = 0
        var clients: [ClientID: Followed] = [:]
    }

    private let count = Atomic<Int>(0)
    private let state = Mutex(State())
    /// Clients of which operators see everything.
    let traces = ClientTraces()

    /// Whether anybody follows anybody.
    var isUsed: Bool {
        @inline(__always) get { count.load(ordering: .relaxed) > 0 }
    }

    /// Counts those who follow somebody by other means.
    func count(_ difference: Int) {
        if difference != 0 { count.add(difference, ordering: .relaxed) }
    }

    func observe(_ client: ClientID, buffer: Int) -> ClientEvents {
        let (stream, continuation) = AsyncStream.makeStream(
            of: ClientEvent.self, bufferingPolicy: .bufferingOldest(max(2, buffer)))
        let number = state.withLock { state in
            state.next += 1
            state.clients[client, default: Followed()].observers[state.next] = Observer(continuation: continuation)
            return state.next
        }
        count.add(1, ordering: .relaxed)
        continuation.onTermination = { [weak self] _ in self?.remove(number, client) }
        return ClientEvents(stream)
    }

    private func remove(_ number: Int, _ client: ClientID) {
        let observer = state.withLock { state in
            let observer = state.clients[client]?.observers.removeValue(forKey: number)
            if state.clients[client]?.observers.isEmpty == true { state.clients[client] = nil }
            return observer
        }
        if observer != nil { count.subtract(1, ordering: .relaxed) }
    }

    /// Ends all sequences.
    func end() {
        let all = state.withLock { state in state.clients.values.flatMap { $0.observers.values.map(\.continuation) } }
        for continuation in all { continuation.finish() }
    }

    /// A message was put into a client's log; called under the session's lock, so that messages are told in order.
    func appended(_ message: Message, _ result: Session.AppendResult, _ client: ClientID) {
        let sequence: Int
        switch result {
        case .delivered(let number, _), .queued(let number): sequence = number
        case .full: return
        }
        traces.accepted(message, sequence: sequence, client)
        tell(client) { _ in
            .message(
                FollowedMessage(
                    id: message.id, sequence: sequence, topic: message.topic, envelope: message.wholeEnvelope))
        }
    }

    /// A client's connections have changed.
    func changed(_ transports: [Transport], _ client: ClientID) {
        let status = ConnectionStatus(transports: transports)
        tell(client) { followed in
            guard followed.status != status else { return nil }
            followed.status = status
            if !status.isConnected { followed.switchedTo = nil }
            return .connectionStatus(status)
        }
    }

    func switched(_ notice: TransportSwitch, _ client: ClientID) {
        traces.note(client, "transport_switch") { writer in
            writer.member("from", notice.from.name)
            writer.member("to", notice.to.name)
            writer.member("reason", notice.reason.rawValue)
        }
        tell(client) { followed in
            guard followed.switchedTo != notice.to else { return nil }
            followed.switchedTo = notice.to
            return .transportSwitched(from: notice.from, to: notice.to)
        }
    }

    private func tell(_ client: ClientID, _ event: (inout Followed) -> ClientEvent?) {
        state.withLock { state in
            guard var followed = state.clients[client], let event = event(&followed) else { return }
            for number in followed.observers.keys { followed.observers[number]?.tell(event) }
            state.clients[client] = followed
        }
    }
}
