import GatewayCore
import NIOCore
import WebSocketProtocol
import WireJSON

/// What a connection does, apart from moving bytes: bytes, wakes and the clock in; bytes and a verdict out. It writes to
/// its loop's `outbound`, and whoever carries it sends that.
///
/// A carrier calls on the connection's event loop, and calls `begin()` of the loop first.
class ConnectionEngine {
    /// What is to become of the connection once everything written has been sent.
    enum Verdict: Equatable {
        case open
        /// The peer is to close; at `deadline` it is closed for it. Nothing that arrives matters, but for the engine.
        case awaitingPeer(deadline: Instant)
        /// Close.
        case finished
    }

    /// `unowned(unsafe)`: see `LoopMember.loop`.
    unowned(unsafe) let loop: LoopState
    let transport: Transport
    /// The connection's address; also what it is called in its session.
    var id = ConnectionID(loop: 0, slot: 0, generation: 0)
    /// The client's session, once the connection is a cursor over it.
    private(set) var handle: SessionHandle?
    private(set) var epochText = EpochText(Epoch(0))
    /// Topics that this connection has asked for.
    final var claims: [String] = []
    /// The topics among them whose members see each other.
    final var presences: [PresenceCursor] = []
    /// The sequence behind the last message that was written.
    final var takenBefore = 0
    /// The sequence behind the last message whose bytes the kernel has.
    final var flushedBefore = 0
    var verdict = Verdict.open
    /// Who is at the other end.
    var address: SocketAddress?
    /// Who that is, if anybody had to say so.
    final var identity: ConnectionIdentity?
    /// Whether that address was counted for it, which a proxy's is not.
    var isAddressCounted = false
    /// Something that came from the peer waits to go on with the next `drain`.
    var hasWaitingFrames = false
    /// Answers to the peer's messages that the present event has brought.
    var waitingAnswers: [(ReplyAddress, StoredAnswer)] = []
    /// The last change of the node's state that the client was told of; `nil` if it does not follow the node.
    final var viabilitySeen: UInt64?
    /// When what is held back by missing acknowledgements may go on.
    final var heldUntil = Instant.distantFuture
    /// Whether its messages are encrypted.
    final var isSealed = false
    final var sealer: MessageSealer?
    /// When the connection became a cursor.
    private(set) final var attachedAt = Instant.zero

    init(loop: LoopState, transport: Transport) {
        self.loop = loop
        self.transport = transport
    }

    var gateway: Gateway { loop.gateway }

    /// Whether the peer waits for answers of servers, which may take their time.
    var isOwedAnswers: Bool { false }

    /// When a client is to come back that had to go: not all at once.
    final var spreadRetry: Int64 {
        gateway.settings.retry.milliseconds + Int64(loop.context.identifiers.next() % 5000)
    }

    /// When the client is to come back after a shutdown: each has a place in time of its own.
    final var reconnectAfter: Int64 { loop.reconnectAfter.milliseconds }

    /// How much is written to one connection before others have their turn.
    var batchLimits: BatchLimits { BatchLimits(messages: 100, bytes: 65_536) }

    /// How long the peer may not read before it is given up.
    var stallTimeout: Instant.Span { gateway.settings.idleTimeout }

    /// How long what was sent may stay unacknowledged by the peer's system; `nil` is what all have.
    var acknowledgementTimeout: Instant.Span? { nil }

    /// Whether and when a client is to come back.
    enum Reconnect: Equatable {
        case never, now
        case after(milliseconds: Int64)
    }

    struct BatchLimits {
        let messages: Int
        let bytes: Int
    }

    // MARK: - What a carrier calls

    /// The carrier is in place: write the beginning.
    func start() {}

    func received(_ bytes: UnsafeRawBufferPointer) {}

    /// The time that was asked for has come.
    /// - Returns: when to come again.
    func visit() -> Instant { loop.now + .seconds(3600) }

    /// The gateway shuts down.
    func goAway() { verdict = .finished }

    /// An administrator closes it.
    func dismiss(_ reason: String) { goAway() }

    /// Others need its place: it ends, and is told when to come back.
    func giveWay(_ reason: String) { dismiss(reason) }

    /// An administrator does not want the peer here.
    func expel() { verdict = .finished }

    /// Whether an administrator has blocked the peer or its client.
    final var isUnwanted: Bool {
        gateway.accessGuard.refusal(address: peerAddress) != nil
            || gateway.accessGuard.refusal(client: handle?.clientID) != nil
    }

    /// The connection is gone.
    func closed() {
        if verdict == .open { loop.closes.count(transport, .client, Closes.vanished) }
        detach(leaving: false, isLost: true)
    }

    /// Everything written so far has reached the kernel.
    final func flushed() { flushedBefore = takenBefore }

    /// Everything before `sequence` has reached the client, as far as it has shown.
    final func flushed(before sequence: Int) { flushedBefore = sequence }

    /// Writes the answers that waited for the storage.
    final func writeAnswers() {
        let answers = waitingAnswers
        waitingAnswers = []
        guard verdict == .open else { return }
        for (address, answer) in answers { write(answer, to: address) }
    }

    // MARK: - What an engine does its own way

    /// Writes what waits beside the session.
    /// - Parameter isStalled: whether the peer does not read, so that only an end is of interest.
    func writeWaiting(isStalled: Bool) {}

    /// Another transport stands by: find out whether this connection is still read.
    func probe() {}

    /// Writes one message.
    func write(_ message: Message, sequence: Int) {}

    /// Writes an event of the gateway that has no place in the log.
    func write(event: String, data: [UInt8], sequence: Int) {}

    /// Ends the connection because its token is good no more.
    func endToken(_ code: CloseCode, _ reason: String, reconnect: Reconnect) { verdict = .finished }

    /// When a connection is closed whose peer has not said who it is, although it must.
    var strangerDeadline: Instant? { nil }

    /// Writes a topic's presence, or what has changed of it.
    func writePresence(_ event: String, topic: String, data: [UInt8]) {}

    /// Goes on with what the peer has sent, if what it waits for has come.
    func takeWaitingFrames() {}

    /// Answers a message of the peer that had to be stored.
    func write(_ answer: StoredAnswer, to address: ReplyAddress) {}

    /// Writes several messages, and the holes between them, as one.
    /// - Returns: whether it did; otherwise they are written one by one.
    func writeBundle(_ batch: [Session.Delivery]) -> Bool { false }

    /// Tells of a range of messages that will not come.
    func writeGap(from: Int, to: Int, reason: String) {}

    /// The data of the event `gap`.
    final func gapData(from: Int, to: Int, reason: String) -> [UInt8] {
        JSONWriter.object { writer in
            writer.member("from", from)
            writer.member("to", to)
            writer.member("reason", reason)
        }
    }

    /// The peer reads too slowly: from this sequence on its messages are not whole any more.
    func fellBehind(from: Int, to: Int) { verdict = .finished }

    // MARK: - Session

    /// What the log calls the client.
    var clientName: String? { handle?.clientID.text }

    /// Whether a back end reads here what clients send.
    var isForBackEnds: Bool { false }

    /// What the connection is called where a client or an operator reads it.
    var transportName: String { transport.name }

    /// The client whose cursor it was, if it ever was one.
    final var formerClient: ClientID? {
        guard attachedAt > .zero, let name = clientName, name != OperationsLog.name.text else { return nil }
        return ClientID(name)
    }

    /// What has to be asked before it begins.
    var inquiry: LifecycleInquiry? { nil }

    /// Becomes one more cursor over the log of operations.
    final func attachToOperations(_ request: Session.AttachRequest) -> Session.Attachment {
        let operations = gateway.operations
        let now = loop.now
        let (attachment, epoch) = operations.handle.session.withLock { session in
            (
                session.attach(request, limits: operations.limits, now: now, wakes: &loop.context.wakes), session.epoch
            )
        }
        take(operations.handle, epoch, attachment)
        return attachment
    }

    /// Notes whose cursor the connection is now.
    private func take(_ handle: SessionHandle, _ epoch: Epoch, _ attachment: Session.Attachment) {
        self.handle = handle
        loop.counters[Int(transport.rawValue)].attached(attachment.reason)
        attachedAt = loop.now
        epochText = EpochText(epoch)
        takenBefore = attachment.nextSequence - attachment.replayed
        flushedBefore = takenBefore
        claims += attachment.inheritedTopics
        for topic in attachment.inheritedTopics { enterPresence(topic) }
        // What an earlier token allowed is not allowed for ever.
        for topic in attachment.inheritedTopics where !may(.subscribe, topic) { unsubscribe(topic) }
        tellObservers(handle)
        if gateway.observers.isUsed { traceAttachment(attachment) }
    }

    private func tellObservers(_ handle: SessionHandle) {
        guard gateway.observers.isUsed else { return }
        gateway.observers.changed(handle.session.withLock(\.transports), handle.clientID)
    }

    /// What a connection finds when it becomes a cursor.
    private struct Place {
        let handle: SessionHandle
        let outcome: (attachment: Session.Attachment, alreadyHad: Range<Int>)
        let epoch: Epoch
    }

    /// Becomes a cursor over the client's session.
    final func attach(
        _ client: ClientID, _ request: Session.AttachRequest, promoting: Bool = false
    ) throws(Problem) -> (attachment: Session.Attachment, alreadyHad: Range<Int>) {
        try requireIdentity(client)
        let seats = try takeSeats(client)
        do throws(Problem) {
            let outcome = try becomeCursor(client, request, promoting: promoting)
            if !seats.isEmpty { loop.seats[id] = seats }
            return outcome
        } catch {
            for limit in seats { limit.leave() }
            throw error
        }
    }

    /// Counts the connection in the limits of the policy that are about its client, if it does not count yet.
    private func takeSeats(_ client: ClientID) throws(Problem) -> [LimitAccount] {
        guard let policy = loop.context.policy, !policy.limits.isEmpty, loop.seats[id] == nil else { return [] }
        return try policy.enter(client: client.text, tier: identity?.principal.tier)
    }

    private func becomeCursor(
        _ client: ClientID, _ request: Session.AttachRequest, promoting: Bool
    ) throws(Problem) -> (attachment: Session.Attachment, alreadyHad: Range<Int>) {
        let now = loop.now
        let limits = gateway.sessionLimits
        let result = gateway.directory.withSession(client, now: now) { handle, session -> Result<Place, Problem> in
            guard promoting || session.connectionCount < limits.maxConnections else {
                return .failure(.tooManyConnections(limits))
            }
            let outcome: (attachment: Session.Attachment, alreadyHad: Range<Int>)
            if promoting {
                outcome = session.promote(request, limits: limits, now: now, wakes: &loop.context.wakes)
            } else {
                let attachment = session.attach(request, limits: limits, now: now, wakes: &loop.context.wakes)
                outcome = (attachment, 0..<0)
                watchForAnomalies(session, client)
            }
            releaseDone(handle, &session)
            // It asks for what is there right after this.
            return .success(Place(handle: handle, outcome: outcome, epoch: session.epoch))
        }
        guard let place = try result?.get() else { throw gateway.directory.refusal(client) }
        let (handle, outcome) = (place.handle, place.outcome)
        take(handle, place.epoch, outcome.attachment)
        for topic in outcome.attachment.abandonedTopics { gateway.topics.reconcile(topic, handle) }
        // Whoever waits for another transport to finish looks again when its patience is over.
        if !outcome.attachment.isActive, let member = loop.member(id) {
            let returnsAt = handle.session.withLock(\.returnsAt)
            loop.schedule(member, at: min(now + Session.handoverPatience, returnsAt ?? .distantFuture))
        }
        return outcome
    }

    /// Lets go what the store holds of messages that are done.
    final func releaseDone(_ handle: SessionHandle, _ session: inout Session) {
        guard let storage = gateway.storage, handle.life > 0 else { return }
        if let done = session.takeReleasable(limits: gateway.sessionLimits) { storage.release(handle, done) }
    }

    /// Stops being a cursor.
    /// - Parameters:
    ///   - leaving: whether the client said so, so that its subscriptions end too.
    ///   - isLost: whether the connection failed.
    ///   - code: why the gateway closes it; `nil` if it does not.
    final func detach(leaving: Bool, isLost: Bool = false, closing code: UInt16? = nil) {
        guard let handle else { return }
        let now = loop.now
        if gateway.observers.isUsed { traceEnd(closing: code) }
        let event = ClientHistory.Event(code == nil ? .disconnected : .closed, transport, code: code ?? 0, at: now)
        handle.session.withLock {
            $0.note(event)
            $0.detach(
                id, flushed: flushedBefore, isLost: isLost, damping: gateway.settings.damping, now: now,
                wakes: &loop.context.wakes)
        }
        for topic in claims { release(topic, handle, leaving: leaving) }
        for cursor in presences { gateway.presence.leave(cursor.topic, id) }
        presences = []
        claims = []
        self.handle = nil
        if !loop.seats.isEmpty, let seats = loop.seats.removeValue(forKey: id) {
            for limit in seats { limit.leave() }
        }
        tellObservers(handle)
    }

    /// The envelope of an event that has no place in the log (contract §3).
    final func envelope(_ type: String, topic: String? = nil, data: [UInt8], sequence: Int) -> [UInt8] {
        JSONWriter.object { writer in
            writer.member("type", type)
            writer.member("id", loop.context.identifiers.uuid(at: loop.context.wallClock))
            writer.member("epoch", epochText.text)
            writer.member("sequence", sequence)
            writer.member("timestamp", loop.context.wallClock.text)
            if let topic { writer.member("topic", topic) }
            writer.member("data", raw: data)
        }
    }
}
