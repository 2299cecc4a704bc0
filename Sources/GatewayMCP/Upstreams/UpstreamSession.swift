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
    var calls: [Int: Call] = [:]
    /// Calls that wait for the end of the handshake, in order.
    var waiting: [Call] = []
    /// Resources that the client is told about; asked for again after a new beginning.
    var subscriptions: [String: Call] = [:]
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

    func dispatch(_ call: Call) {
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

    /// An answer that belongs to the handshake.
    /// - Returns: whether it was one.
    func openingAnswered(_ number: Int, _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer) -> Bool { false }

    /// An answer to a request that is no call.
    func answeredNoCall(_ number: Int) {}

    func finish(_ call: Call, _ outcome: CallOutcome) {
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
