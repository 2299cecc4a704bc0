import GatewayCore
import ModelContextProtocol
import NIOCore
import WireJSON

/// A session with a server over Streamable HTTP, of whichever era. Of several replicas it has one, and keeps it until
/// that one fails; in the era without sessions every call has its own.
class HTTPSession: UpstreamSession {
    /// Where the session is; `nil` before its first beginning.
    private(set) var replica: Int?
    /// The replica that has just failed.
    var avoided: Int?
    /// Beginnings in a row that failed for reasons of transport.
    var openFailures = 0
    var sessionID: String?
    private(set) var version = ProtocolVersion.latestWithHandshake
    private(set) var handshakeNumber = -1
    /// What every POST of the present beginning says in its head.
    private var fields = ByteBuffer()
    /// Requests that are open, so that they can be cut.
    private var answers: [ObjectIdentifier: HTTPAnswer] = [:]
    /// Every beginning of the session has a number: what comes late from an earlier one is nobody's.
    private(set) var generation = 0
    /// The server's own stream broke: when it is asked for again, and from where.
    private var listenAgain: (at: Instant, after: String?)?
    private var listenFailures = 0

    private static let listenBackoff = Backoff(initial: .milliseconds(500), limit: .seconds(30))

    var replicas: Replicas { server.replicas ?? { preconditionFailure("a server with a URL has replicas") }() }

    // MARK: - Beginning

    override func open() {
        generation += 1
        sessionID = nil
        isModern = false
        listenAgain = nil
        for answer in answers.values where !answer.isOfCall { forget(answer) }
        if replica == nil {
            let key = client?.id ?? "shared \(hub.index) \(ObjectIdentifier(self).hashValue)"
            replica = replicas.place(key, avoiding: avoided, now: hub.now)
        }
        begin()
    }

    /// Chooses the era, and begins in it.
    func begin() {
        let prefersModern = client?.isPrincipal ?? false
        if server.speaksLegacy == false || prefersModern && server.speaksModern == true {
            beginModern()
        } else if prefersModern, server.speaksModern == nil {
            send(.post, server.discoverBody(number: hub.nextNumber()), server.discoverFields, as: .probe)
        } else {
            beginLegacy()
        }
    }

    private func beginLegacy() {
        let wanted = client?.version ?? .latestWithHandshake
        // The older transport is another one; whoever asks for it here is asked back with one that this transport has.
        beginHandshake(wanted == .november2024 ? .march2025 : wanted)
    }

    func beginHandshake(_ version: ProtocolVersion) {
        self.version = version
        handshakeNumber = hub.nextNumber()
        let body = RPCAnswer.initializeRequest(
            id: handshakeNumber, version: version, capabilities: client?.capabilities ?? Array("{}".utf8),
            clientInfo: client?.clientInfo ?? hub.ownInfo)
        makeFields()
        sendHandshake(ByteBuffer(bytes: body))
    }

    func sendHandshake(_ message: ByteBuffer) { send(.post, message, fields, as: .handshake) }

    private func beginModern() {
        isModern = true
        version = .july2026
        makeFields()
        established()
    }

    /// The session is there.
    func established() {
        openFailures = 0
        listenFailures = 0
        avoided = nil
        began()
        if phase == .ready, opensNewsStream { listen(after: nil) }
    }

    override var opensNewsStream: Bool { !isShared || server.settings.isStateless }

    private func makeFields() {
        fields = ByteBuffer(
            string: "accept: application/json, text/event-stream\r\ncontent-type: application/json\r\n")
        if let sessionID { fields.writeString("mcp-session-id: \(sessionID)\r\n") }
        if sessionID != nil || handshakeNumber < 0 || isModern {
            fields.writeString("mcp-protocol-version: \(version.rawValue)\r\n")
        }
        fields.writeString(server.configuredFields)
    }

    override func openingAnswered(_ number: Int, _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard number == handshakeNumber else { return false }
        handshakeNumber = -1
        guard let result = message.result else {
            let text = message.error.map { String(decoding: bytes[$0.offset..<$0.end], as: UTF8.self) } ?? ""
            refused("it refused initialize: \(text.prefix(200))")
            return true
        }
        if let chosen = InitializeResult(bytes, result).version { version = chosen }
        server.speaksLegacy = true
        makeFields()
        confirm(ByteBuffer(bytes: RPCAnswer.initialized))
        return true
    }

    /// Tells the server that the handshake is over.
    func confirm(_ message: ByteBuffer) { send(.post, message, fields, as: .initialized) }

    /// The handshake was refused: perhaps there is none in what the server speaks.
    private func refused(_ reason: String) {
        guard server.speaksModern == nil, server.speaksLegacy == nil else { return lost(reason, mayRetry: false) }
        server.speaksLegacy = false
        send(.post, server.discoverBody(number: hub.nextNumber()), server.discoverFields, as: .probe)
    }

    private func probed(_ answer: HTTPAnswer, _ status: Int, _ body: ByteBuffer) {
        let isInconclusive = [401, 403, 407, 408, 429].contains(status) || status >= 500
        if !isInconclusive { server.speaksModern = Self.isModernAnswer(body) }
        guard server.speaksLegacy == false else { return begin() }
        // This was the second attempt, after a handshake that was refused.
        guard server.speaksModern == true else {
            server.speaksLegacy = nil
            guard server.speaksModern == false, handOver() else {
                return lost("it answers neither initialize nor server/discover (\(status))", mayRetry: false)
            }
            return
        }
        begin()
    }

    /// What is left is the transport of 2024-11-05, which is another kind of session.
    private func handOver() -> Bool {
        guard !server.usesEventStream else { return false }
        server.usesEventStream = true
        let calls = takeCalls()
        close()
        let next = client?.upstream(server) ?? server.sharedSession()
        for call in calls { next.submit(call) }
        return true
    }

    private static func isModernAnswer(_ body: ByteBuffer) -> Bool {
        body.withUnsafeReadableBytes { bytes in
            (try? RPCMessage(bytes, maxDepth: 64)).map { isModernAnswer($0, bytes) } ?? false
        }
    }

    // MARK: - Messages

    override func transmit(_ call: Call) {
        if isModern, call.method == .subscribe || call.method == .unsubscribe { return subscribe(call) }
        guard isModern else {
            return send(.post, call.legacyMessage(hub.settings.maxJSONDepth), fields, as: .call(call))
        }
        var fields = fields
        fields.writeString("mcp-method: \(HeaderText.encode(call.methodName(hub.settings.maxJSONDepth)))\r\n")
        if let name = call.headerName { fields.writeString("mcp-name: \(HeaderText.encode(name))\r\n") }
        fields.writeString(call.parameterFields(hub.settings.maxJSONDepth))
        let message = call.modernMessage(
            clientInfo: client?.clientInfo ?? hub.ownInfo, capabilities: client?.capabilities ?? Array("{}".utf8),
            hub.settings.maxJSONDepth)
        send(.post, message, fields, as: .call(call))
    }

    override func transmit(_ message: ByteBuffer) {
        // The era without sessions has nothing that a notification could be about.
        if !isModern { send(.post, message, fields, as: .notification) }
    }

    override func transmitCancellation(_ call: Call, notice: ByteBuffer) {
        guard isModern else { return transmit(notice) }
        // To leave is to cancel.
        for answer in answers.values where answer.call === call { forget(answer) }
    }

    override func shut() {
        for answer in answers.values { forget(answer) }
        answers = [:]
        listenAgain = nil
        if let sessionID {
            self.sessionID = nil
            var fields = ByteBuffer(
                string: "mcp-session-id: \(sessionID)\r\nmcp-protocol-version: \(version.rawValue)\r\n")
            fields.writeString(server.configuredFields)
            send(.delete, ByteBuffer(), fields, as: .farewell)
        }
        if phase == .closed { leave() }
    }

    func leave() {
        if let replica { replicas.release(replica) }
        replica = nil
    }

    func forgetEnded(_ answer: HTTPAnswer) { answers[ObjectIdentifier(answer)] = nil }

    private func forget(_ answer: HTTPAnswer) {
        answers[ObjectIdentifier(answer)] = nil
        answer.abandon()
        answer.cut()
    }

    func send(
        _ method: HTTPOutboundRequest.Method, _ body: ByteBuffer, _ fields: ByteBuffer, as role: HTTPAnswer.Role,
        target: String? = nil
    ) {
        guard var replica else { return }
        let answer = HTTPAnswer(self, role, generation: generation, replica: replica)
        if case .call(let call) = role, isModern, replicas.count > 1 {
            replica = replicas.place("\(call.number)", avoiding: call.failedReplica, now: hub.now)
            answer.takePlace(replica)
        }
        if let isFirst = role.isFirstAttempt {
            switch replicas.admit(replica, isFirst: isFirst, now: hub.now) {
            case .admitted(let permit): answer.permit = permit
            case .refused(let delay):
                answer.abandon()
                return notAdmitted(role, delay)
            }
        }
        if role != .farewell { answers[ObjectIdentifier(answer)] = answer }
        server.origins[replica].send(
            HTTPOutboundRequest(
                method: method, fields: fields, body: body, target: target, isLong: role.isLong, receiver: answer))
    }

    /// The breaker of the replica is open.
    private func notAdmitted(_ role: HTTPAnswer.Role, _ delay: Instant.Span) {
        let reason = "it does not answer (circuit open); it is tried again in \(delay.milliseconds + 1) ms"
        // Not at once: whoever sends a call is not done with it yet.
        hub.eventLoop.assumeIsolated().execute { [weak self] in
            guard let self else { return }
            switch role {
            case .call(let call), .resumed(let call, _):
                guard !call.isOver else { return }
                if !isModern, let replica, replicas.hasOther(than: replica, now: hub.now) { return move(call) }
                failed(call, .internalError("the server \(server.name) failed: \(reason)"))
            default: openingFailed(reason, isRefusal: true)
            }
        }
    }

    // MARK: - Answers

    /// Whether an answer still matters. That of a call does, whatever has become of the session meanwhile.
    func isCurrent(_ answer: HTTPAnswer) -> Bool {
        guard phase != .closed else { return false }
        if let call = answer.call { return !call.isOver }
        return answer.generation == generation
    }

    func answerBegan(_ answer: HTTPAnswer, _ head: HTTPResponseReader.Head) {
        switch answer.role {
        case .handshake where head.status == 200: sessionID = head.sessionID
        case .listening:
            if head.status == 200 { listenFailures = 0 }
            newsBegan()
        default: break
        }
    }

    /// An event of the older transport that says where messages go.
    func endpointNamed(_ url: String) {}

    /// An answer is complete.
    func answerEnded(_ answer: HTTPAnswer, _ status: Int, _ body: ByteBuffer) {
        answers[ObjectIdentifier(answer)] = nil
        switch answer.role {
        case .probe: probed(answer, status, body)
        case .handshake:
            // A result has been taken when it came: then the number is used up.
            guard phase == .opening, handshakeNumber >= 0 else { return }
            handshakeNumber = -1
            let reason = "initialize was answered \(status) without a result"
            if [502, 503, 504].contains(status) {
                openingFailed(reason)
            } else if [400, 404, 405, 406, 415].contains(status) {
                refused(reason)
            } else {
                lost(reason, mayRetry: false)
            }
        case .initialized:
            guard status < 300 else {
                return lost("notifications/initialized was answered \(status)", mayRetry: false)
            }
            established()
        case .call(let call): callEnded(call, answer, status, body)
        case .resumed(let call, let previous):
            guard !call.isOver, !call.isBetweenRounds else { return }
            // Without a result, but with something new: the server wants to be asked again, until it is done.
            if status == 200, let id = answer.lastEventID, id != previous {
                return resume(call, after: id, in: answer.retry ?? Self.pollInterval)
            }
            failed(call, .internalError("\(server.name) ended the stream without a result"))
        case .listening: listeningEnded(answer, status)
        case .notification, .farewell, .channel, .posted: break
        }
    }

    func answerFailed(_ answer: HTTPAnswer, _ reason: String, wasSent: Bool) {
        answers[ObjectIdentifier(answer)] = nil
        switch answer.role {
        case .handshake, .initialized, .probe: openingFailed(reason, wasSent: wasSent)
        case .call(let call):
            guard !call.isOver, !call.isBetweenRounds else { return }
            if let id = answer.lastEventID { return resume(call, after: id) }
            retry(call, answer, reason, wasSent: wasSent)
        case .resumed(let call, _):
            guard !call.isOver else { return }
            failed(call, .internalError("the server \(server.name) failed: \(reason)"))
        case .listening: listeningEnded(answer, 0)
        case .channel, .posted, .notification, .farewell: break
        }
    }

    // MARK: - What the server says by itself

    /// Opens the stream for it. Many servers have none.
    func listen(after id: String?) {
        guard isModern else { return send(.get, ByteBuffer(), streamFields(after: id), as: .listening) }
        var fields = fields
        fields.writeString("mcp-method: subscriptions/listen\r\n")
        let body = RPCAnswer.listenRequest(
            id: hub.nextNumber(), resources: subscribedResources, clientInfo: client?.clientInfo ?? hub.ownInfo,
            capabilities: client?.capabilities ?? Array("{}".utf8))
        send(.post, ByteBuffer(bytes: body), fields, as: .listening)
    }

    private func listeningEnded(_ answer: HTTPAnswer, _ status: Int) {
        guard phase == .ready else { return }
        // Whatever becomes of it, nobody is to wait for it.
        defer { newsBegan() }
        if status == 404, !isModern, sessionID != nil {
            // It has forgotten the session, and nobody may call for long: what was subscribed is asked for now.
            sessionID = nil
            return beginAnew()
        }
        // Any other answer says that it has no such stream.
        guard status == 0 || status == 200 else { return }
        guard status == 200 || answer.hasBegun || !subscribedResources.isEmpty else { return }
        var generator = SystemRandomNumberGenerator()
        let delay = Self.listenBackoff.delay(attempt: listenFailures, random: generator.next())
        listenFailures += 1
        listenAgain = (hub.now + delay, answer.lastEventID)
        // Where it was it does not answer any more, and somebody waits for news: the news is asked for elsewhere.
        if status == 0, !answer.hasBegun, let replica, replicas.hasOther(than: replica, now: hub.now) {
            avoided = replica
            leave()
            lost("its stream cannot be opened", mayRetry: true)
        }
    }

    override func tend(now: Instant) {
        super.tend(now: now)
        if let again = listenAgain, phase == .ready, again.at <= now {
            listenAgain = nil
            listen(after: again.after)
        }
    }

    /// In the era without sessions what is subscribed is told when the stream is opened.
    private func subscribe(_ call: Call) {
        let answer = RPCAnswer.result(Array("{}".utf8), id: Array(String(call.number).utf8))
        answer.withUnsafeBytes { received($0, with: call) }
        for answer in answers.values where answer.role == .listening { forget(answer) }
        listen(after: nil)
    }
}
