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
    /// The bounds of that session.
    private var limits: SessionLimits {
        handle === gateway.operations.handle ? gateway.operations.limits : gateway.sessionLimits(transport)
    }
    private(set) var epochText = EpochText(Epoch(0))
    /// Topics that this connection has asked for.
    private(set) var claims: [String] = []
    /// The topics among them whose members see each other.
    final var presences: [PresenceCursor] = []
    /// The sequence behind the last message that was written.
    private(set) var takenBefore = 0
    /// The sequence behind the last message whose bytes the kernel has.
    private(set) var flushedBefore = 0
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
    private var heldUntil = Instant.distantFuture
    /// Whether its messages are encrypted.
    final var isSealed = false
    private final var sealer: MessageSealer?
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

    /// Takes what waits in the session and writes it.
    /// - Parameters:
    ///   - messages: at the most.
    ///   - bytes: nothing more is taken once there are as many.
    /// - Returns: whether there is more.
    final func drain(messages: Int = .max, bytes: Int = .max) -> Bool {
        if hasWaitingFrames { takeWaitingFrames() }
        writeWaiting(isStalled: false)
        guard let handle, verdict == .open else { return false }
        if !presences.isEmpty { writePresence() }
        if let viabilitySeen { writeViability(since: viabilitySeen) }
        var notices = Session.Notices()
        let own = batchLimits
        let result = take(
            handle, BatchLimits(messages: min(messages, own.messages), bytes: min(bytes, own.bytes)), &notices)
        if let notice = notices.transportSwitch {
            write(notice)
            let event = ClientHistory.Event(.switched, notice.to, at: loop.now)
            handle.session.withLock { $0.note(event) }
            if gateway.observers.isUsed { gateway.observers.switched(notice, handle.clientID) }
        }
        if !loop.batch.isEmpty { writeBatch(asBundle: notices.isBundle) }
        for alert in notices.alerts { write(event: "error", data: alert, sequence: takenBefore - 1) }
        if notices.isBackedUp { probe() }
        heldUntil = .distantFuture
        switch result {
        case .held(let until):
            heldUntil = until
            if until < .distantFuture, let member = loop.member(id) { loop.schedule(member, at: until) }
        case .more: return true
        case .fellBehind(let from, let to): fellBehind(from: from, to: to)
        case .unknown: fellBehind(from: takenBefore, to: takenBefore)
        case .drained, .standby: break
        }
        return false
    }

    /// Whether what was held back may go on now.
    final var isDue: Bool { loop.now >= heldUntil }

    /// There is something to take, but the peer does not read: make sure that not too much waits.
    final func stalled() {
        writeWaiting(isStalled: true)
        bound()
    }

    /// There is something to take, but the transport has sent all that it may: what is none of the session's messages
    /// goes on, and not too much may wait.
    /// - Returns: whether there is something that waits.
    final func heldBack() -> Bool {
        if hasWaitingFrames { takeWaitingFrames() }
        writeWaiting(isStalled: false)
        return bound() || verdict == .open && (!presences.isEmpty || viabilitySeen != nil)
    }

    /// Ends the connection if too much waits for it.
    /// - Returns: whether anything does.
    @discardableResult
    private func bound() -> Bool {
        guard let handle, verdict == .open else { return false }
        var notices = Session.Notices()
        let result = take(handle, BatchLimits(messages: 0, bytes: 0), &notices)
        if let notice = notices.transportSwitch { write(notice) }
        switch result {
        case .fellBehind(let from, let to): fellBehind(from: from, to: to)
        // Another transport has taken over because this connection did not read.
        case .unknown: fellBehind(from: takenBefore, to: takenBefore)
        case .more, .held: return true
        case .drained, .standby: break
        }
        return false
    }

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

    private func take(
        _ handle: SessionHandle, _ batch: BatchLimits, _ notices: inout Session.Notices
    ) -> Session.TakeResult {
        loop.batch.removeAll(keepingCapacity: true)
        let now = loop.now
        let limits = limits
        return handle.session.withLock {
            $0.take(
                id, flushed: flushedBefore, maxMessages: batch.messages, maxBytes: batch.bytes, limits: limits,
                now: now, into: &loop.batch, notices: &notices, wakes: &loop.context.wakes)
        }
    }

    private func writeBatch(asBundle isBundle: Bool) {
        let now = loop.now
        // A connection may have been set back to an earlier place: nothing of what it is given now has been sent.
        if let first = loop.batch.first { flushedBefore = min(flushedBefore, first.sequence) }
        let before = loop.outbound.count
        var latency: Int64 = 0
        var messages = 0
        var missing = 0
        let isBundled = isBundle && writeBundle(loop.batch)
        let isWatched = gateway.watched.contains(.messages)
        for delivery in loop.batch {
            switch delivery.content {
            case .message(let message):
                if !isBundled { write(shown(message, delivery.sequence), sequence: delivery.sequence) }
                // Waiting for an absent client is no latency of the gateway.
                let span = now - max(message.acceptedAt, attachedAt)
                latency &+= span.nanoseconds
                loop.counters[Int(transport.rawValue)].latencies.add(span)
                messages += 1
                if isWatched || message.trace != nil {
                    gateway.observeDelivery(
                        message, sequence: delivery.sequence, to: clientName, by: transport, loop)
                }
            case .gap(let from, let reason):
                if !isBundled { writeGap(from: from, to: delivery.sequence, reason: reason.rawValue) }
                let count = delivery.sequence - from + 1
                loop.counters[Int(transport.rawValue)].missed(count, reason)
                if reason != .expired { missing += count }
            }
            takenBefore = delivery.sequence + 1
        }
        loop.counters[Int(transport.rawValue)].sent(
            messages, bytes: loop.outbound.count - before, latency: .init(nanoseconds: latency), now: now)
        if gateway.observers.isUsed { traceDelivery(messages, bytes: loop.outbound.count - before, missing: missing) }
        if missing > 0 {
            loop.counters[Int(transport.rawValue)].messagesDropped += missing
            note(.gap, value: missing)
        }
        loop.batch.removeAll(keepingCapacity: true)
    }

    /// A message as this connection is sent it.
    final func shown(_ message: Message, _ sequence: Int) -> Message {
        guard isSealed, let encryption = gateway.settings.encryption, let client = handle?.clientID.text else {
            return message
        }
        let sealer = sealer ?? MessageSealer(encryption, client: client)
        self.sealer = sealer
        return sealer.seal(message, epoch: epochText.text, sequence: sequence)
    }

    private func write(_ notice: TransportSwitch) {
        gateway.switches.note(isBetter: notice.to < notice.from)
        let data = JSONWriter.object { writer in
            writer.member("from", notice.from.name)
            writer.member("to", notice.to.name)
            writer.member("reason", notice.reason.rawValue)
        }
        write(event: "transport_switched", data: data, sequence: takenBefore - 1)
    }

    /// Looks after the cursor now and then: reports what has been sent, and hurries a switch that does not come about.
    /// - Returns: whether the connection stands by.
    @discardableResult
    final func tend() -> Bool {
        guard let handle else { return false }
        let now = loop.now
        let (isStandingBy, returnsAt) = handle.session.withLock { session in
            session.flushed(id, before: flushedBefore, now: now, wakes: &loop.context.wakes)
            session.hurryHandover(now: now, wakes: &loop.context.wakes)
            session.goBack(now: now, wakes: &loop.context.wakes) { gateway.admitsReturn(now: now) }
            return (session.isStandingBy(id), session.returnsAt)
        }
        if let returnsAt, let member = loop.member(id) {
            loop.schedule(member, at: max(returnsAt, now + LoopState.tick))
        }
        return isStandingBy
    }

    /// What the log calls the client.
    var clientName: String? { handle?.clientID.text }

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

    /// Asks for a topic.
    final func claim(_ topic: String) throws(Problem) {
        guard let handle else { return }
        if claims.contains(topic) {
            // Another connection of the client may have ended it meanwhile.
            if handle.session.withLock({ $0.isSubscribed(to: topic) }) { return }
            claims.removeAll { $0 == topic }
            leavePresence(topic)
        }
        guard Name.isValid(topic) else { throw .invalidMessage("a topic must have " + Name.rule) }
        try require(.subscribe, topic)
        let limits = gateway.sessionLimits
        switch handle.session.withLock({ $0.claim(topic, limits: limits) }) {
        case .subscribed:
            let now = loop.now
            gateway.topics.reconcile(topic, handle) { message in
                guard message.expiresAt > now else { return }
                _ = handle.session.withLock {
                    $0.append(message, limits: limits, now: now, wakes: &loop.context.wakes)
                }
            }
        case .claimed: break
        case .tooMany: throw .tooManyTopics(limits)
        }
        claims.append(topic)
        enterPresence(topic)
    }

    /// Does not want a topic any more.
    final func unclaim(_ topic: String) {
        guard let handle, let index = claims.firstIndex(of: topic) else { return }
        claims.remove(at: index)
        leavePresence(topic)
        release(topic, handle, leaving: true)
    }

    /// Ends a subscription, whoever asked for it.
    final func unsubscribe(_ topic: String) {
        guard let handle else { return }
        claims.removeAll { $0 == topic }
        leavePresence(topic)
        if gateway.presence.covers(topic) { gateway.presence.leave(topic, client: handle.clientID) }
        if handle.session.withLock({ $0.unsubscribe(topic) }) { gateway.topics.reconcile(topic, handle) }
    }

    private func release(_ topic: String, _ handle: SessionHandle, leaving: Bool) {
        let now = loop.now
        if handle.session.withLock({ $0.release(topic, leaving: leaving, now: now) }) {
            gateway.topics.reconcile(topic, handle)
        }
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

/// The written form of an epoch, kept by connections because every message carries it.
struct EpochText {
    private var bytes: InlineArray<13, UInt8>
    let count: Int

    init(_ epoch: Epoch) {
        var text: InlineArray<13, UInt8> = .init(repeating: 0)
        var span = text.mutableSpan
        count = span.withUnsafeMutableBufferPointer { epoch.write(to: $0.baseAddress!) }
        bytes = text
    }

    var text: String {
        var output = ""
        for i in 0..<count { output.unicodeScalars.append(Unicode.Scalar(bytes[i])) }
        return output
    }

    @inline(__always)
    func put(to out: inout RawWriter) {
        bytes.span.withUnsafeBytes { out.put(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }
}
