import GatewayCore
import ModelContextProtocol
import NIOCore
import WireJSON

/// A session with a server, whatever carries it: it begins with a handshake, has calls on the way, and what the server
/// says by itself goes to the client that the session belongs to.
class UpstreamSession {
    unowned let server: UpstreamServer
    unowned let hub: MCPHub
    /// Whose session it is; `nil` for one that all clients share.
    private(set) weak var client: ClientSession?
    let isShared: Bool
    private(set) var phase = Phase.idle
    private var calls: [Int: Call] = [:]
    /// Calls that wait for the end of the handshake, in order.
    private var waiting: [Call] = []
    /// Resources that the client is told about; asked for again after a new beginning.
    private var subscriptions: [String: Call] = [:]
    private(set) var openedAt = Instant.zero
    /// Whether the present beginning is of the era without sessions.
    var isModern = false
    /// Whether what the server says by itself would arrive, as far as it says anything.
    private var hearsNews = false
    /// Who waits for that.
    private var newsWaiters: [() -> Void] = []

    enum Phase { case idle, opening, ready, closed }

    /// How often a call is sent again after its session was lost.
    static let maxAttempts = 2

    init(server: UpstreamServer, client: ClientSession?) {
        self.server = server
        self.client = client
        isShared = client == nil
        hub = server.hub
    }

    // MARK: - What a carrier does its own way

    /// Begins to connect; `began` or `lost` follows.
    func open() {}

    /// Sends a request; its answer comes back through `received`.
    func transmit(_ call: Call) {}

    /// Sends what has no answer.
    func transmit(_ message: ByteBuffer) {}

    /// The client gave a call up.
    func transmitCancellation(_ call: Call, notice: ByteBuffer) { transmit(notice) }

    /// Lets go of everything.
    func shut() {}

    /// Whether what the server says by itself comes over a stream of its own, which takes a moment to open; `newsBegan`
    /// follows when it has.
    var opensNewsStream: Bool { false }

    /// Whether it may turn out that each client needs a session of its own.
    var mayHandOver: Bool { false }

    // MARK: - For clients

    /// Puts a call on its way.
    func submit(_ call: Call) {
        call.session = self
        calls[call.number] = call
        switch phase {
        case .idle:
            waiting.append(call)
            begin()
        case .opening: waiting.append(call)
        case .ready: dispatch(call)
        case .closed: finish(call, .failed(.internalError("the server \(server.name) is not there")))
        }
    }

    /// Sends a notification, or the answer to a question.
    func send(_ message: ByteBuffer) {
        guard phase == .ready else { return }
        transmit(message)
    }

    func cancel(_ call: Call, notice: ByteBuffer) {
        guard calls.removeValue(forKey: call.number) != nil else { return }
        waiting.removeAll { $0 === call }
        call.abandon()
        // What was never sent cannot be called back.
        if phase == .ready, call.attempts > 0 { transmitCancellation(call, notice: notice) }
        server.gate?.leave(call, .ignored)
    }

    /// The call that a stream waits for under an id.
    func call(of stream: ReplyStream, id: [UInt8]) -> Call? {
        calls.values.first { call in
            if case .client(let reply, let known) = call.origin { reply === stream && known == id } else { false }
        }
    }

    func call(_ number: Int) -> Call? { calls[number] }

    /// Whether something is on its way.
    var hasCalls: Bool { !calls.isEmpty }

    /// Begins, if it has not: somebody waits for what the server says by itself.
    func wake() { if phase == .idle { begin() } }

    /// Begins, if it has not, and calls back when what the server says by itself would arrive, or never will.
    func whenNewsArrive(_ body: @escaping () -> Void) {
        wake()
        if hearsNews || phase == .closed { return body() }
        newsWaiters.append(body)
    }

    /// What the server says by itself arrives from now on, as far as it says anything.
    func newsBegan() {
        hearsNews = true
        tellNewsWaiters()
    }

    private func tellNewsWaiters() {
        let waiters = newsWaiters
        newsWaiters = []
        for waiter in waiters { waiter() }
    }

    func setLevel(_ level: [UInt8]) {
        guard phase == .ready else { return }
        let message =
            "{\"jsonrpc\":\"2.0\",\"id\":\(hub.nextNumber()),\"method\":\"logging/setLevel\",\"params\":{\"level\":"
        var buffer = ByteBuffer(string: message)
        buffer.writeBytes(level)
        buffer.writeString("}}")
        transmit(buffer)
    }

    func close() {
        guard phase != .closed else { return }
        phase = .closed
        client?.forgetQuestions(of: self)
        shut()
        failAll("the session with \(server.name) has ended")
        tellNewsWaiters()
    }

    func tend(now: Instant) {
        if phase == .opening, now - openedAt > hub.settings.startTimeout {
            lost("it did not begin a session within mcp.start_timeout", mayRetry: false)
        }
        for call in calls.values {
            let isLate = now > call.deadline
            let limit = call.isHeld ? hub.settings.inputTimeout : hub.settings.callTimeout
            guard isLate || now - call.lastActivity > limit else { continue }
            let key = isLate ? "mcp.max_call_time" : call.isHeld ? "mcp.input_timeout" : "mcp.call_timeout"
            let problem = call.isHeld ? "the client did not answer within" : "\(server.name) did not answer within"
            let notice =
                "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":\(call.number),"
                + "\"reason\":\"timeout\"}}"
            calls[call.number] = nil
            waiting.removeAll { $0 === call }
            if phase == .ready, call.attempts > 0 { transmitCancellation(call, notice: ByteBuffer(string: notice)) }
            finish(call, .failed(.internalError("\(problem) \(key)")))
        }
    }

    // MARK: - For carriers

    /// Whether it stands there unused, so that nobody would notice if it began anew.
    var isQuiet: Bool { phase == .ready && calls.isEmpty && subscriptions.isEmpty }

    /// Whether what it has is given up because nobody uses it.
    private(set) var isResting = false

    /// Whether somebody waits for what the server says by itself.
    var isListenedTo: Bool { !subscriptions.isEmpty }

    /// Resources that the client wants news of.
    var subscribedResources: [String] { subscriptions.keys.sorted() }

    /// What was to be sent here is sent elsewhere.
    func takeCalls() -> [Call] {
        let taken = calls.values.sorted { $0.number < $1.number }
        calls = [:]
        waiting = []
        for call in taken { server.gate?.leave(call, .ignored) }
        return taken
    }

    /// Gives up what nobody uses; the next call begins anew.
    func rest() {
        guard isQuiet else { return }
        phase = .idle
        hearsNews = false
        isResting = true
        client?.forgetQuestions(of: self)
        shut()
        isResting = false
    }

    private func begin() {
        phase = .opening
        openedAt = hub.now
        guard let reason = server.reasonToWait else { return open() }
        // Not at once: whoever begins a session is not done with it yet.
        hub.eventLoop.assumeIsolated().execute { [weak self] in
            guard let self, phase == .opening else { return }
            lost(reason, mayRetry: false, isRefusal: true)
        }
    }

    /// The handshake is over.
    func began() {
        guard phase == .opening else { return }
        phase = .ready
        server.started()
        if let level = client?.level { setLevel(level) }
        for call in subscriptions.values { transmit(renumbered(call)) }
        let calls = waiting
        waiting = []
        for call in calls where !call.isOver { dispatch(call) }
        if !opensNewsStream { newsBegan() }
    }

    /// A call is to be sent in a new session.
    /// - Parameter again: whether the present one is the one that was lost.
    func begin(again: Bool, for call: Call) {
        guard calls[call.number] === call else { return }
        if phase == .ready, !again { return dispatch(call) }
        waiting.append(call)
        guard phase == .ready else { return }
        client?.forgetQuestions(of: self)
        begin()
    }

    /// The server has forgotten the session, as something else than a call has shown. Calls on their way find that out
    /// for themselves: each has an answer of its own, and the server may have taken it before.
    func beginAnew() {
        guard phase == .ready else { return }
        client?.forgetQuestions(of: self)
        if calls.isEmpty, subscriptions.isEmpty { phase = .idle } else { begin() }
    }

    private func dispatch(_ call: Call) {
        if let gate = server.gate, !gate.admits(call, of: self) { return }
        call.attempts += 1
        transmit(call)
    }

    /// A call that has waited for its turn at the server may begin.
    func granted(_ call: Call) {
        guard calls[call.number] === call else { return }
        if phase == .ready { return dispatch(call) }
        waiting.append(call)
        if phase == .idle { begin() }
    }

    /// The carrier has lost the session.
    /// - Parameters:
    ///   - mayRetry: whether a new session is begun for the calls that can be sent again.
    ///   - wereNotTaken: whether it is certain that the server did not act on the calls that were pending.
    ///   - isRefusal: whether nothing was tried.
    ///   - isTransport: whether it is a breaker's to say when it is tried again.
    func lost(
        _ reason: String, mayRetry: Bool, wereNotTaken: Bool = false, isRefusal: Bool = false,
        isTransport: Bool = false
    ) {
        guard phase == .opening || phase == .ready else { return }
        let wasOpening = phase == .opening
        phase = .idle
        hearsNews = false
        shut()
        client?.forgetQuestions(of: self)
        let pending = calls.values.sorted { $0.number < $1.number }
        calls = [:]
        waiting = []
        if !isRefusal {
            server.failed(reason)
            if wasOpening, !isTransport { server.failedToStart() }
        }
        for call in pending { server.gate?.leave(call, isRefusal ? .ignored : .dropped) }
        var retried: [Call] = []
        for call in pending where !call.isOver {
            let isSafe = call.isRepeatable || wereNotTaken || call.attempts == 0
            if mayRetry, isSafe, call.attempts < Self.maxAttempts, !wasOpening || isTransport || server.mayStartAgain {
                retried.append(call)
            } else {
                let error = RPCError.internalError("the server \(server.name) failed: \(reason)")
                finish(call, .failed(error))
            }
        }
        for call in retried where phase != .closed { submit(call) }
        // Whoever waits for news makes no calls that would begin it anew.
        if mayRetry, !wasOpening, phase == .idle, isListenedTo { begin() }
        // It is not tried again by itself: nothing will arrive.
        if phase == .idle { tellNewsWaiters() }
    }

    /// A call of its own could not be carried.
    func failed(_ call: Call, _ error: RPCError) {
        guard calls.removeValue(forKey: call.number) != nil else { return }
        finish(call, .failed(error))
    }

    /// One message of the server.
    /// - Parameter call: the call that it came with, where the carrier knows.
    func received(_ bytes: UnsafeRawBufferPointer, with call: Call? = nil) {
        let message: RPCMessage
        do throws(RPCError) {
            message = try RPCMessage(bytes, maxDepth: hub.settings.maxJSONDepth)
        } catch {
            // Some programs print to the stream that is the protocol's. That is theirs to mend, and ours to survive.
            return hub.logger.debug("not a message", metadata: ["server": "\(server.name)"])
        }
        switch message.kind {
        case .response: answered(message, bytes, call)
        case .notification: notified(message, bytes, call)
        case .request: asked(message, bytes, call)
        }
    }

    private func answered(_ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, _ carrier: Call?) {
        let number = message.id.flatMap { RPCMessage.integer($0, bytes) } ?? carrier?.number
        if phase == .opening, let number, openingAnswered(number, message, bytes) { return }
        // What nobody asked for, or what was answered before, is nobody's.
        guard let number else { return }
        guard let call = calls.removeValue(forKey: number) else { return answeredNoCall(number) }
        if wantsInput(call, message, bytes) {
            calls[number] = call
            server.gate?.leave(call, .answered)
            return
        }
        if call.method == .subscribe, message.result != nil, let name = call.name { subscriptions[name] = call }
        if call.method == .unsubscribe, let name = call.name { subscriptions[name] = nil }
        noteSubscription(call, message)
        finish(call, .answered(message, bytes))
    }

    /// An answer that belongs to the handshake.
    /// - Returns: whether it was one.
    func openingAnswered(_ number: Int, _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer) -> Bool { false }

    /// An answer to a request that is no call.
    func answeredNoCall(_ number: Int) {}

    /// Keeps account of what a client with a session has subscribed to.
    private func noteSubscription(_ call: Call, _ message: RPCMessage) {
        guard message.result != nil, let name = call.name, let client = call.reply?.session else { return }
        if call.method == .subscribe { client.resources.subscribed.insert(name) }
        if call.method == .unsubscribe { client.resources.subscribed.remove(name) }
    }

    /// Whether a call's answer is a question that somebody is asked now: a server without sessions asks by its answer, and a
    /// client with one is asked as it knows it.
    private func wantsInput(_ call: Call, _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard isModern, !call.isModern, let client, call.clientID != nil,
            let required = InputRequired(message, bytes)
        else { return false }
        call.isBetweenRounds = true
        let round = InputRound(call, required, session: self)
        // Not at once: the answer has not been taken yet.
        hub.eventLoop.assumeIsolated().execute {
            guard !call.isOver else { return }
            round.begin(required, client)
        }
        return true
    }

    /// Whether what was said to `server/discover` comes from a server of the era without sessions.
    static func isModernAnswer(_ message: RPCMessage, _ bytes: UnsafeRawBufferPointer) -> Bool {
        if let result = message.result {
            let text = String(decoding: bytes[result.offset..<result.end], as: UTF8.self)
            return text.contains("\"supportedVersions\"")
                && text.contains("\"\(ProtocolVersion.july2026.rawValue)\"")
        }
        return message.errorCode(bytes).map { (-32_029 ... -32_020).contains($0) } ?? false
    }

    /// A call goes on its way once more, under a new number.
    func callAgain(_ call: Call, responses: [(key: String, value: [UInt8])], state: [UInt8]?) {
        guard calls.removeValue(forKey: call.number) === call else { return }
        let original = call.firstMessage ?? call.message
        let number = hub.nextNumber()
        let message = original.withUnsafeReadableBytes { bytes in
            (try? RPCMessage(bytes, maxDepth: hub.settings.maxJSONDepth)).map {
                InputRequired.retry($0, bytes, number: number, responses: responses, state: state)
            }
        }
        call.renumber(number, message ?? original)
        call.firstMessage = original
        call.lastActivity = hub.now
        calls[number] = call
        if phase == .ready { dispatch(call) } else { waiting.append(call) }
    }

    private func notified(_ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, _ carrier: Call?) {
        switch message.method {
        case .progress:
            guard let place = message.notifiedToken, let number = RPCMessage.integer(place, bytes),
                let call = calls[number], let token = call.progressToken
            else { return }
            call.lastActivity = hub.now
            var splice = Splice()
            splice.replace(place, with: token)
            call.reply?.emit(splice.apply(to: bytes, oneLine: message.hasLineBreaks))
        case .toolsChanged: changed(.tools)
        case .promptsChanged: changed(.prompts)
        case .resourcesChanged: changed(.resources)
        case .resourceUpdated:
            guard let client else { return hub.resourceUpdated(message, bytes, by: server) }
            client.resourceUpdated(message, bytes, on: carrier?.reply)
        case .cancelled:
            guard let place = message.requestID else { return }
            for call in calls.values { call.held?.withdraw([UInt8](bytes[place.offset..<place.end])) }
            client?.withdraw([UInt8](bytes[place.offset..<place.end]), message, bytes, from: self)
        default:
            // The beginning of the server's own stream, where the era without sessions has one.
            if let name = message.methodName,
                RPCMessage.text(name, bytes) == "notifications/subscriptions/acknowledged"
            {
                return newsBegan()
            }
            carrier?.lastActivity = hub.now
            // What the newer revision reserves is not for clients of the older ones.
            let isModern = client?.isPrincipal == true
            let copy =
                isModern
                ? Splice().apply(to: bytes, oneLine: message.hasLineBreaks)
                : ModernRequest.legacyNotification(message, bytes)
            if let stream = (carrier ?? onlyCall)?.reply, message.method == .logMessage {
                if stream.wants(message, bytes) { stream.emit(copy) }
            } else {
                client?.deliver(copy, on: carrier?.reply)
            }
        }
    }

    private func changed(_ kind: ListKind) {
        hub.serverChanged(kind, server: server, client: client)
    }

    /// The only call on its way: what comes over a pipe belongs to it.
    private var onlyCall: Call? { calls.count == 1 ? calls.first?.value : nil }

    private func asked(_ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, _ carrier: Call?) {
        guard let id = message.id.map({ [UInt8](bytes[$0.offset..<$0.end]) }) else { return }
        if message.method == .ping {
            return transmit(ByteBuffer(bytes: RPCAnswer.empty(id: id)))
        }
        // Requests without a session come from many: what cannot be told whose it is must not reach anybody.
        let isSafe = client?.isPrincipal != true
        let oldest = isSafe ? calls.values.filter { $0.reply != nil }.min { $0.number < $1.number } : nil
        let call = carrier ?? onlyCall ?? oldest
        call?.lastActivity = hub.now
        guard let client else {
            let error = RPCError.methodNotFound(message.methodName.map { RPCMessage.text($0, bytes) } ?? "")
            return transmit(ByteBuffer(bytes: error.response(id: id)))
        }
        client.ask(message, bytes, from: self, for: call)
    }

    private func finish(_ call: Call, _ outcome: CallOutcome) {
        calls[call.number] = nil
        server.finished(call, outcome)
        call.finish(outcome)
        if let gate = server.gate {
            if case .answered = outcome { gate.leave(call, .answered) } else { gate.leave(call, .dropped) }
        }
    }

    private func failAll(_ reason: String) {
        let pending = calls.values.sorted { $0.number < $1.number }
        calls = [:]
        waiting = []
        for call in pending {
            let outcome = CallOutcome.failed(.internalError(reason))
            server.finished(call, outcome)
            call.finish(outcome)
            server.gate?.leave(call, .ignored)
        }
    }

    /// A call's message once more, under a number that nobody waits for.
    private func renumbered(_ call: Call) -> ByteBuffer {
        let uri = JSONText.quoted(call.name ?? "")
        var buffer = ByteBuffer(
            string:
                "{\"jsonrpc\":\"2.0\",\"id\":\(hub.nextNumber()),\"method\":\"resources/subscribe\",\"params\":{\"uri\":"
        )
        buffer.writeBytes(uri)
        buffer.writeString("}}")
        return buffer
    }
}
