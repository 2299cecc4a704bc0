import EventStream
import GatewayCore
import ModelContextProtocol
import NIOCore
import NIOHTTP1
import WireJSON

/// A session with a server over Streamable HTTP.
final class HTTPSession: UpstreamSession {
    private let configured: [String: String]
    private var sessionID: String?
    private var version = ProtocolVersion.latestWithHandshake
    private var handshakeNumber = -1
    /// Requests that are open, so that they can be cut.
    private var answers: [ObjectIdentifier: HTTPAnswer] = [:]
    /// Every beginning of the session has a number: what comes late from an earlier one is nobody's.
    private var generation = 0

    init(server: UpstreamServer, client: ClientSession?, headers: [String: String]) {
        configured = headers
        super.init(server: server, client: client)
    }

    override func open() {
        generation += 1
        sessionID = nil
        version = client?.version ?? .latestWithHandshake
        // The older transport is another one; whoever asks for it here is asked back with one that this transport has.
        if version == .november2024 { version = .march2025 }
        handshakeNumber = hub.nextNumber()
        let body = RPCAnswer.initializeRequest(
            id: handshakeNumber, version: version, capabilities: client?.capabilities ?? Array("{}".utf8),
            clientInfo: client?.clientInfo ?? hub.ownInfo)
        send(.POST, ByteBuffer(bytes: body), as: .handshake)
    }

    override func transmit(_ call: Call) { send(.POST, call.message, as: .call(call)) }

    override func transmit(_ message: ByteBuffer) { send(.POST, message, as: .notification) }

    override func shut() {
        let open = answers.values
        answers = [:]
        for answer in open { answer.cut() }
        if sessionID != nil { send(.DELETE, ByteBuffer(), as: .farewell) }
        sessionID = nil
    }

    override func openingAnswered(_ number: Int, _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard number == handshakeNumber else { return false }
        handshakeNumber = -1
        guard let result = message.result else {
            let text = message.error.map { String(decoding: bytes[$0.offset..<$0.end], as: UTF8.self) } ?? ""
            lost("it refused initialize: \(text.prefix(200))", mayRetry: false)
            return true
        }
        if let chosen = InitializeResult(bytes, result).version { version = chosen }
        server.era = .legacy
        send(.POST, ByteBuffer(bytes: RPCAnswer.initialized), as: .initialized)
        return true
    }

    // MARK: - Requests

    private func send(_ method: HTTPMethod, _ body: ByteBuffer, as role: HTTPAnswer.Role) {
        guard let origin = server.origin else { return }
        var headers = HTTPHeaders()
        headers.reserveCapacity(8 + configured.count)
        headers.add(name: "host", value: "")
        switch method {
        case .POST:
            headers.add(name: "accept", value: "application/json, text/event-stream")
            headers.add(name: "content-type", value: "application/json")
            headers.add(name: "content-length", value: "\(body.readableBytes)")
        case .GET: headers.add(name: "accept", value: "text/event-stream")
        default: break
        }
        if let sessionID { headers.add(name: "mcp-session-id", value: sessionID) }
        if phase == .ready || role == .initialized {
            headers.add(name: "mcp-protocol-version", value: version.rawValue)
        }
        for (name, value) in configured { headers.replaceOrAdd(name: name, value: value) }
        if case .resumed(_, let id) = role { headers.add(name: "last-event-id", value: id) }
        let answer = HTTPAnswer(self, role, generation: generation)
        if role != .farewell { answers[ObjectIdentifier(answer)] = answer }
        origin.send(HTTPOutboundRequest(method: method, headers: headers, body: body, receiver: answer))
    }

    // MARK: - Answers

    /// Whether an answer still matters. That of a call does, whatever has become of the session meanwhile.
    func isCurrent(_ answer: HTTPAnswer) -> Bool {
        guard phase != .closed else { return false }
        if case .call(let call) = answer.role { return !call.isOver }
        return answer.generation == generation
    }

    func answerBegan(_ answer: HTTPAnswer, _ head: HTTPResponseHead) {
        guard answer.role == .handshake, head.status == .ok else { return }
        sessionID = head.headers.first(name: "mcp-session-id")
    }

    /// An answer is complete.
    func answerEnded(_ answer: HTTPAnswer, _ status: HTTPResponseStatus, _ body: ByteBuffer) {
        answers[ObjectIdentifier(answer)] = nil
        switch answer.role {
        case .handshake:
            // A result has been taken when it came: then the number is used up.
            if phase == .opening, handshakeNumber >= 0 {
                lost("initialize was answered \(status.code) without a result", mayRetry: false)
            }
        case .initialized:
            guard status.code < 300 else {
                return lost("notifications/initialized was answered \(status.code)", mayRetry: false)
            }
            began()
            if phase == .ready, !isShared || server.settings.isStateless { listen() }
        case .call(let call):
            guard !call.isOver else { return }
            if status == .notFound, body.readableBytes == 0 || !Self.isMethodNotFound(body) {
                return renew(call, isFirst: answer.generation == generation)
            }
            if let id = answer.lastEventID, status == .ok { return resume(call, after: id) }
            failed(call, .internalError("\(server.name) answered \(status.code) without a result"))
        case .resumed(let call, _):
            guard !call.isOver else { return }
            failed(call, .internalError("\(server.name) ended the stream without a result"))
        case .notification, .listening, .farewell: break
        }
    }

    func answerFailed(_ answer: HTTPAnswer, _ reason: String, wasSent: Bool) {
        answers[ObjectIdentifier(answer)] = nil
        switch answer.role {
        case .handshake, .initialized: lost(reason, mayRetry: true)
        case .call(let call):
            guard !call.isOver else { return }
            if let id = answer.lastEventID { return resume(call, after: id) }
            retry(call, reason, wasSent: wasSent)
        case .resumed(let call, _):
            guard !call.isOver else { return }
            failed(call, .internalError("the server \(server.name) failed: \(reason)"))
        case .notification, .listening, .farewell: break
        }
    }

    /// The stream of a call broke; the server may have kept what came behind.
    private func resume(_ call: Call, after id: String) {
        send(.GET, ByteBuffer(), as: .resumed(call, after: id))
    }

    /// Sends a call again if that can do no harm.
    private func retry(_ call: Call, _ reason: String, wasSent: Bool) {
        guard !wasSent || call.isRepeatable, call.attempts <= Self.maxAttempts else {
            server.failed(reason)
            return failed(call, .internalError("the server \(server.name) failed: \(reason)"))
        }
        call.attempts += 1
        transmit(call)
    }

    /// The server has forgotten the session, so that it has not done this call. Others that are on their way find that
    /// out for themselves.
    private func renew(_ call: Call, isFirst: Bool) {
        guard call.attempts <= Self.maxAttempts else {
            return failed(call, .internalError("\(server.name) does not keep its sessions"))
        }
        if isFirst { sessionID = nil }
        begin(again: isFirst, for: call)
    }

    /// Opens the stream for what the server says by itself. Many servers have none.
    private func listen() { send(.GET, ByteBuffer(), as: .listening) }

    private static func isMethodNotFound(_ body: ByteBuffer) -> Bool {
        body.withUnsafeReadableBytes { bytes in
            guard let message = try? RPCMessage(bytes, maxDepth: 64), let error = message.error else { return false }
            return String(decoding: bytes[error.offset..<error.end], as: UTF8.self).contains("-32601")
        }
    }
}

/// One answer of a server on its way: JSON as a whole, or events one by one.
final class HTTPAnswer: HTTPReceiver {
    /// What was asked.
    enum Role: Equatable {
        case handshake, initialized, notification, listening, farewell
        case call(Call)
        /// The rest of a call's stream that broke.
        case resumed(Call, after: String)

        static func == (a: Role, b: Role) -> Bool {
            switch (a, b) {
            case (.handshake, .handshake), (.initialized, .initialized), (.notification, .notification),
                (.listening, .listening), (.farewell, .farewell):
                true
            case (.call(let a), .call(let b)), (.resumed(let a, _), .resumed(let b, _)): a === b
            default: false
            }
        }
    }

    private weak var session: HTTPSession?
    let role: Role
    let generation: Int
    private var status = HTTPResponseStatus.ok
    private var body = ByteBuffer()
    private var parser: EventStreamParser?
    private var bytesSinceEvent = 0
    private weak var connection: HTTPConnection?
    private let limit: Int

    init(_ session: HTTPSession, _ role: Role, generation: Int) {
        self.session = session
        self.role = role
        self.generation = generation
        limit = session.hub.settings.maxResultBytes
    }

    private var call: Call? {
        switch role {
        case .call(let call), .resumed(let call, _): call
        default: nil
        }
    }

    /// Where the server's stream can be taken up again.
    var lastEventID: String? {
        guard let id = parser?.lastEventID, !id.isEmpty else { return nil }
        return id
    }

    func cut() {
        session = nil
        connection?.close()
    }

    func responseBegan(_ head: HTTPResponseHead, on connection: HTTPConnection) {
        self.connection = connection
        status = head.status
        let type = head.headers.first(name: "content-type")?.lowercased() ?? ""
        if head.status == .ok, type.hasPrefix("text/event-stream") { parser = EventStreamParser() }
        guard let session, session.isCurrent(self) else { return }
        session.answerBegan(self, head)
    }

    func responseContinued(_ bytes: ByteBuffer) {
        guard let session, session.isCurrent(self) else { return }
        if parser != nil {
            bytesSinceEvent += bytes.readableBytes
            guard bytesSinceEvent <= limit else { return tooLarge(session) }
            let events = parser?.append(bytes.readableBytesView) ?? []
            for event in events {
                bytesSinceEvent = 0
                guard !event.data.isEmpty else { continue }
                var data = event.data
                data.withUTF8 { session.received(UnsafeRawBufferPointer($0), with: call) }
            }
        } else {
            guard body.readableBytes + bytes.readableBytes <= limit else { return tooLarge(session) }
            body.writeImmutableBuffer(bytes)
        }
    }

    private func tooLarge(_ session: HTTPSession) {
        let connection = connection
        self.session = nil
        if let call {
            session.failed(call, .internalError("\(session.server.name) sent more than mcp.max_result_bytes"))
        }
        connection?.close()
    }

    func responseEnded() {
        guard let session, session.isCurrent(self) else { return }
        if parser == nil, body.readableBytes > 0, isMessage {
            body.withUnsafeReadableBytes { session.received($0, with: call) }
        }
        session.answerEnded(self, status, body)
    }

    /// Whether the body is the answer to what was asked, and not an error of the transport.
    private var isMessage: Bool {
        switch role {
        case .call: status != .notFound
        case .handshake: true
        default: status == .ok
        }
    }

    func responseFailed(_ reason: String, wasSent: Bool) {
        guard let session, session.isCurrent(self) else { return }
        session.answerFailed(self, reason, wasSent: wasSent)
    }
}
