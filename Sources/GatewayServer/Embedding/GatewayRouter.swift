public import GatewayCore
import NIOCore
import Synchronization
import WireJSON

/// A message that a program sends through the gateway that it holds.
public struct OutgoingMessage: Sendable {
    /// Its `type`.
    public var type: String
    /// Its `data`, as JSON text.
    public var data: [UInt8]
    /// Names it: the same id is accepted once. `nil` lets the gateway draw one.
    public var id: String?
    /// Whether it is stored before the answer; `nil` for what is usual: yes for a client, no for a topic.
    public var isDurable: Bool?

    /// - Parameter data: JSON text.
    public init(type: String, data: String, id: String? = nil, isDurable: Bool? = nil) {
        self.type = type
        self.data = Array(data.utf8)
        self.id = id
        self.isDurable = isDurable
    }
}

/// What became of a message.
public struct RouteOutcome: Equatable, Sendable {
    /// The message's id.
    public let id: String
    /// Clients to which it is on its way.
    public let delivered: Int
    /// Clients for which it waits.
    public let queued: Int
    /// The transport that the first client gets it by; `nil` if it waits.
    public let transport: Transport?
    /// Its place in the first client's log.
    public let sequence: Int?
}

/// Sends to clients and follows them, for programs that hold a gateway: what back ends do by HTTP, without HTTP.
public struct GatewayRouter: Sendable {
    private let gateway: Gateway

    init(_ gateway: Gateway) { self.gateway = gateway }

    /// Sends a message to a client. It is in the client's log when this returns, and stored if it is durable.
    /// - Parameters:
    ///   - client: who gets it, now or when it connects.
    ///   - transport: the transport that would suit it; `nil` for whichever is active.
    ///   - priority: what goes first when a client is slow.
    ///   - timeout: how long to wait for the storage. A message that was not stored in time may still be delivered.
    /// - Throws: why it was refused.
    @discardableResult
    public func route(
        to client: ClientID, message: OutgoingMessage, transport: Transport? = nil, priority: Priority = .normal,
        timeout: Duration = .seconds(5)
    ) async throws(Problem) -> RouteOutcome {
        await gateway.restore([client])
        return try await send(message, transport, priority, timeout) { $0.member("client_id", client.text) }
    }

    /// Sends a message to the subscribers of a topic.
    @discardableResult
    public func publish(
        to topic: String, message: OutgoingMessage, priority: Priority = .normal, timeout: Duration = .seconds(5)
    ) async throws(Problem) -> RouteOutcome {
        try await send(message, nil, priority, timeout) { $0.member("topic", topic) }
    }

    /// Follows a client: the messages that it is sent, its connections, its changes of transport.
    /// - Parameter buffer: events that wait while nobody takes them; what is more is counted and told as `missed`.
    public func events(for client: ClientID, buffer: Int = 1000) -> ClientEvents {
        gateway.observers.observe(client, buffer: buffer)
    }

    private func send(
        _ message: OutgoingMessage, _ transport: Transport?, _ priority: Priority, _ timeout: Duration,
        _ address: (inout JSONWriter) -> Void
    ) async throws(Problem) -> RouteOutcome {
        guard gateway.admitsClients else { throw .draining }
        let text = JSONWriter.object { writer in
            address(&writer)
            writer.member("type", message.type)
            writer.member("data", raw: message.data)
            if let id = message.id { writer.member("id", id) }
            if let isDurable = message.isDurable { writer.member("durable", isDurable) }
            if let transport { writer.member("transport", transport.name) }
            if priority != .normal { writer.member("priority", priority.name) }
        }
        let pending = PendingAnswer()
        let expiry = Task {
            try await Task.sleep(for: timeout)
            pending.resume(.failure(Problem(504, "timeout", "the message was not accepted in time", retryAfter: 1)))
        }
        defer { expiry.cancel() }
        // Publishers that come together spread over the event loops.
        let index = Int(UInt(bitPattern: text.hashValue) % UInt(gateway.loopCount))
        let gateway = gateway
        gateway.onLoop(index) { loop in
            loop.begin()
            if let answer = gateway.publish(text, pending, loop) { pending.resume(answer) }
            loop.dispatchWakes(except: nil)
        }
        return RouteOutcome(try await pending.answer().get())
    }
}

extension Gateway {
    /// Sends to clients and follows them, within this process.
    public var router: GatewayRouter { GatewayRouter(self) }

    /// - Returns: `nil` if the answer is given later.
    fileprivate func publish(_ text: [UInt8], _ pending: PendingAnswer, _ loop: LoopState) -> StoredAnswer? {
        text.withUnsafeBytes { bytes in
            do throws(Problem) {
                let request = try PublishRequest(bytes, maxDepth: settings.maxJSONDepth)
                let body = try publish(request, &loop.context, later: .task(pending, loop: loop.index))
                return body.map { .success($0) }
            } catch {
                return .failure(error)
            }
        }
    }
}

/// An answer that a task waits for. It is given once; what comes later does not count.
final class PendingAnswer: Sendable {
    private enum State {
        case empty
        case waiting(CheckedContinuation<StoredAnswer, Never>)
        case answered(StoredAnswer)
    }

    private let state = Mutex(State.empty)

    func resume(_ answer: StoredAnswer) {
        let continuation: CheckedContinuation<StoredAnswer, Never>? = state.withLock { state in
            switch state {
            case .empty: state = .answered(answer)
            case .answered: break
            case .waiting(let continuation):
                state = .answered(answer)
                return continuation
            }
            return nil
        }
        continuation?.resume(returning: answer)
    }

    /// Waits for the answer; asked for once.
    func answer() async -> StoredAnswer {
        await withCheckedContinuation { continuation in
            let answer: StoredAnswer? = state.withLock { state in
                if case .answered(let answer) = state { return answer }
                state = .waiting(continuation)
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
    }
}

extension RouteOutcome {
    /// Reads the answer that back ends get.
    fileprivate init(_ body: [UInt8]) {
        var members: [String: String] = [:]
        body.withUnsafeBytes { bytes in
            var scanner = JSONScanner(bytes, maxDepth: 8)
            Self.read(&scanner, bytes, into: &members)
        }
        id = members["id"] ?? ""
        delivered = members["delivered"].flatMap { Int($0) } ?? 0
        queued = members["queued"].flatMap { Int($0) } ?? 0
        sequence = members["sequence"].flatMap { Int($0) }
        transport = members["transport"].flatMap { name in Transport.allCases.first { $0.name == name } }
    }

    /// Notes the members of an object, and of the first one in its list of results.
    private static func read(
        _ scanner: inout JSONScanner, _ bytes: UnsafeRawBufferPointer, into members: inout [String: String]
    ) {
        guard (try? scanner.beginObject()) == true else { return }
        repeat {
            guard let key = try? scanner.key(), let first = try? scanner.peek() else { return }
            if first == UInt8(ascii: "["), (try? scanner.beginArray()) == true {
                return read(&scanner, bytes, into: &members)
            }
            guard let value = try? scanner.value() else { return }
            let text = bytes[value]
            members[JSONText.decode(bytes[key])] =
                text.first == UInt8(ascii: "\"") ? JSONText.decode(text) : String(decoding: text, as: UTF8.self)
        } while (try? scanner.nextMember()) == true
    }
}
