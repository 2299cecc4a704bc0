import GatewayCore
import NIOCore
import PhoenixProtocol

/// Carries a long-poll session between its client's requests: what `EngineCarrier` is to a channel. It lives on the event
/// loop that the session's name leads to, whichever connections the requests come on.
final class LongPollCarrier: LoopMember {
    typealias Respond = @Sendable (APIResponse) -> Void

    let session: LongPollToken.Session
    private let engine: LongPollEngine
    /// The poll that waits.
    private var waiting: (number: UInt64, deadline: Instant, respond: Respond)?
    /// The last sign of the client.
    private var lastSeen: Instant
    private var hasLeft = false

    init(_ session: LongPollToken.Session, _ engine: LongPollEngine, address: SocketAddress?, loop: LoopState) {
        self.session = session
        engine.address = address
        engine.isAddressCounted = true
        self.engine = engine
        lastSeen = loop.now
        super.init(loop: loop)
    }

    private var gateway: Gateway { loop.gateway }
    private var settings: LongPollSettings { loop.gateway.settings.longPoll }

    /// The session begins here, or goes on from where its token says.
    func start(_ token: LongPollToken) throws(Problem) {
        engine.id = id
        if gateway.gatekeeper.isOn { loop.schedule(self, at: engine.nextIdentityCheck) }
        if !token.channels.isEmpty { try engine.restore(token) }
    }

    /// Whether a request of `principal` may use the session: it brought the session's token, but perhaps not its own.
    func belongs(to principal: Principal?) -> Bool {
        guard let principal, let mine = engine.identity?.principal else { return true }
        return mine.isSamePerson(as: principal)
    }

    // MARK: - Requests

    func poll(_ call: LongPollCall, _ respond: @escaping Respond) {
        lastSeen = loop.now
        let older = waiting
        let answer = engine.outbox.poll(call.number, from: call.token.position)
        if let answer, answer.poll == call.number {
            // Another poll may wait meanwhile, of the client that is further on.
            respond(gateway.gone(engine.version, loop))
            return
        }
        waiting = (call.number, loop.now + settings.window, respond)
        loop.schedule(self, at: loop.now + settings.window)
        if let answer, let older { send(answer, older.respond) }
        engine.confirmed()
        finishEvent()
    }

    func post(_ call: LongPollCall, _ body: ByteBuffer, _ messages: [LongPollBody.Message]) -> APIResponse {
        lastSeen = loop.now
        engine.outbox.confirm(call.token.position)
        engine.confirmed()
        guard engine.verdict == .open else { return LongPollAnswer.status(410) }
        guard hasRoom else {
            return LongPollAnswer.problem(
                Problem(
                    429, "rate_limit_exceeded",
                    "too many answers wait for a poll (transports.websocket.longpoll.buffer_messages, buffer_bytes)",
                    retryAfter: 1), isPoll: false)
        }
        body.withUnsafeReadableBytes { bytes in
            for message in messages where engine.verdict == .open {
                switch message {
                case .text(let range): engine.receivedText(UnsafeRawBufferPointer(rebasing: bytes[range]))
                case .binary(let data): data.withUnsafeBytes { engine.receivedBinary($0) }
                }
            }
        }
        let wasTaken = engine.verdict == .open
        finishEvent()
        return wasTaken
            ? LongPollAnswer.status(200)
            : LongPollAnswer.problem(
                .badRequest("not a frame of Phoenix Channels: the session has ended"), isPoll: false)
    }

    /// The connection of a poll has gone.
    func cancel(_ number: UInt64) {
        guard let poll = waiting, poll.number == number else { return }
        engine.outbox.cancel(number)
        waiting = nil
        lastSeen = loop.now
        loop.schedule(self, at: lastSeen + settings.idleTimeout)
        poll.respond(LongPollAnswer.status(204))
    }

    // MARK: - Member of the loop

    override func wake() { finishEvent() }

    override func visit() -> Instant? {
        guard !hasLeft else { return nil }
        engine.tend()
        let identityDue = engine.tendIdentity()
        if let waiting {
            guard loop.now >= waiting.deadline else {
                // What is held back by missing acknowledgements does not wait for the end of the poll.
                if engine.isDue { finishEvent() }
                return min(self.waiting?.deadline ?? lastSeen + settings.idleTimeout, identityDue)
            }
            lastSeen = loop.now
            if let answer = engine.outbox.windowPassed(waiting.number) { answerPoll(answer) }
        }
        finishEvent()
        guard loop.now - lastSeen < settings.idleTimeout else {
            leave()
            return nil
        }
        return min(lastSeen + settings.idleTimeout, identityDue)
    }

    override func refresh(_ principal: Principal) { engine.refresh(principal) }

    override func checkRevocation() { if engine.checkRevocation() { finishEvent() } }

    override func answered(_ address: ReplyAddress, _ answer: StoredAnswer) {
        engine.waitingAnswers.append((address, answer))
    }

    override func sendAnswers() {
        engine.writeAnswers()
        finishEvent()
    }

    override var leavesFirst: Bool { !engine.isOwedAnswers }

    override var connection: ConnectionEngine? { engine }

    override var peer: SocketAddress? { engine.address }

    override func checkAccess() {
        guard engine.verdict == .open, engine.isUnwanted else { return }
        engine.expel()
        finishEvent()
    }

    override func dismiss(_ reason: String) {
        engine.dismiss(reason)
        finishEvent()
    }

    override func giveWay(_ reason: String) {
        engine.giveWay(reason)
        finishEvent()
        leave()
    }

    override func drain() {
        engine.goAway()
        finishEvent()
        leave()
    }

    /// The session ends here. The client's place in its log stays; a token leads back to it.
    func leave() {
        guard !hasLeft else { return }
        hasLeft = true
        if let answer = engine.outbox.abandon() { answerPoll(answer) }
        gateway.connectionClosed(engine, on: loop)
        engine.closed()
        loop.longPolls[session] = nil
        loop.leave(self)
        loop.dispatchWakes(except: nil)
    }

    // MARK: - Answers

    private var hasRoom: Bool {
        engine.outbox.count < settings.bufferMessages && engine.outbox.bytes < settings.bufferBytes
    }

    /// Messages are taken from the log when a poll can bring them: until then the log holds them, within its bounds.
    private var canTake: Bool { waiting != nil && hasRoom && engine.verdict == .open }

    /// Takes what can be taken, answers the poll that waits if there is something, and lets the woken know.
    private func finishEvent() {
        var drains = true
        while drains {
            var hasMore = true
            while hasMore, canTake {
                hasMore = engine.drain(
                    messages: settings.bufferMessages - engine.outbox.count,
                    bytes: settings.bufferBytes - engine.outbox.bytes)
            }
            drains = loop.dispatchWakes(except: id) && canTake
        }
        if !canTake { engine.stalled() }
        if engine.verdict != .open { engine.outbox.finish() }
        if let answer = engine.outbox.answer() { answerPoll(answer) }
        loop.dispatchWakes(except: nil)
    }

    private func answerPoll(_ answer: LongPollOutbox.Answer) {
        guard let poll = waiting else { return }
        waiting = nil
        loop.schedule(self, at: loop.now + settings.idleTimeout)
        send(answer, poll.respond)
    }

    private func send(_ answer: LongPollOutbox.Answer, _ respond: Respond) {
        guard answer.status != .gone else { return respond(gateway.gone(engine.version, loop)) }
        var token = gateway.freshToken(engine.version, loop)
        token.session = session
        engine.describe(at: answer.positions.upperBound, in: &token)
        respond(
            LongPollAnswer.poll(
                answer.status, token: gateway.longPollTokens.text(token),
                messages: engine.outbox.texts(answer.positions)))
    }
}
