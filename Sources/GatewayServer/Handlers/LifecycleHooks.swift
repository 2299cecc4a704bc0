import GatewayCore
import Synchronization

/// Whom the gateway asks before a client connects or joins topics, and whom it tells that a connection has ended. What is
/// not set permits everything and hears nothing.
public struct LifecycleHooks: Sendable {
    /// A client that wants to connect, or to join topics.
    public struct Question: Sendable {
        public let clientID: ClientID
        /// `http_sse`, `websocket` or `longpoll`.
        public let transport: String
        /// The address that it comes from, as far as that is known.
        public let address: String?
        /// The topics that it wants to join.
        public let topics: [String]
        /// What has been said of the client before, as JSON text.
        public var attributes: [UInt8]?
    }

    /// A connection that has ended.
    public struct Departure: Sendable {
        public let clientID: ClientID
        public let transport: String
        public let address: String?
        /// Connections that the client still has.
        public let remaining: Int
        public let attributes: [UInt8]?
    }

    /// Asked before a client's connection begins. It returns attributes of the client, as the JSON text of an object, or
    /// `nil` to leave them as they are; a `Problem` that it throws refuses the connection.
    public var connect: (@Sendable (Question) async throws -> [UInt8]?)?
    /// Asked before a client joins topics, in the same way.
    public var join: (@Sendable (Question) async throws -> [UInt8]?)?
    /// Told when a connection has ended.
    public var disconnect: (@Sendable (Departure) async -> Void)?

    public init() {}

    /// Whether anybody is to be asked.
    var asks: Bool { connect != nil || join != nil }

    var isUsed: Bool { asks || disconnect != nil }
}

/// What is to be asked about a client before it goes on.
struct LifecycleInquiry: Sendable {
    var question: LifecycleHooks.Question
    /// Whether its connection begins.
    let connects: Bool
}

extension Gateway {
    /// What has to be asked; `nil` if nothing.
    func inquiry(
        _ client: ClientID, transport: String, address: String?, topics: [String], connects: Bool
    ) -> LifecycleInquiry? {
        let hooks = settings.hooks
        guard connects && hooks.connect != nil || !topics.isEmpty && hooks.join != nil else { return nil }
        return LifecycleInquiry(
            question: .init(clientID: client, transport: transport, address: address, topics: topics),
            connects: connects)
    }

    /// Asks, beside the event loops.
    /// - Parameter answer: told why the client may not go on, or `nil`; on any thread.
    func ask(_ inquiry: LifecycleInquiry, _ answer: @escaping @Sendable (Problem?) -> Void) {
        tasks.start { [self] in
            do {
                try await ask(inquiry)
                answer(nil)
            } catch let problem as Problem {
                answer(problem)
            } catch {
                if !(error is CancellationError) { logger.error("hook failed", metadata: ["error": "\(error)"]) }
                answer(Problem(500, "internal_error", "whoever permits connections failed"))
            }
        }
    }

    private func ask(_ inquiry: LifecycleInquiry) async throws {
        var question = inquiry.question
        question.attributes = attributes(of: question.clientID)
        if inquiry.connects, let connect = settings.hooks.connect {
            try note(try await connect(question), &question)
        }
        if !question.topics.isEmpty, let join = settings.hooks.join { try note(try await join(question), &question) }
    }

    private func note(_ attributes: [UInt8]?, _ question: inout LifecycleHooks.Question) throws {
        guard let attributes else { return }
        question.attributes = attributes
        let noted: Void? = directory.withSession(question.clientID, now: Clock.now) { _, session in
            SessionCompanion.of(&session).attributes.withLock { $0 = attributes }
        }
        if noted == nil { throw directory.refusal(question.clientID) }
    }

    /// What has been said of a client, as JSON text.
    func attributes(of client: ClientID) -> [UInt8]? { directory.find(client)?.attributes }

    /// A connection that was a client's has ended.
    func tellDeparture(of engine: ConnectionEngine) {
        guard let hook = settings.hooks.disconnect, let client = engine.formerClient else { return }
        let transport = engine.transportName
        let address = engine.address?.ipAddress
        // After the present event: it is still one of the client's connections.
        engine.loop.eventLoop.execute { [self] in
            let handle = directory.find(client)
            let departure = LifecycleHooks.Departure(
                clientID: client, transport: transport, address: address,
                remaining: handle?.session.withLock(\.connectionCount) ?? 0, attributes: handle?.attributes)
            tasks.start { await hook(departure) }
        }
    }
}

/// What some sessions have beside their log.
final class SessionCompanion: Sendable {
    let sequencer = ClientSequencer()
    /// What a hook has said of the client, as JSON text.
    let attributes = Mutex<[UInt8]?>(nil)

    /// The session's companion; it begins when it is needed first.
    static func of(_ session: inout Session) -> SessionCompanion {
        if let present = session.companion as? SessionCompanion { return present }
        let fresh = SessionCompanion()
        session.companion = fresh
        return fresh
    }
}
