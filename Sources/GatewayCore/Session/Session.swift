/// What the gateway holds for one client: a bounded log of messages, and the cursors of its connections over it
/// (contract §1, §6, §12).
///
/// A value without I/O and without a clock. Numbering and storing happen in one call, so that whoever holds the lock
/// around a session cannot reorder its messages.
public struct Session: Sendable {
    /// The identity of the log.
    public let epoch: Epoch
    var log = MessageLog()
    var cursors: [Cursor] = []
    /// The transport whose connections get the messages, while there are connections.
    public internal(set) var activeTransport: Transport?
    /// Everything before this was acknowledged by the client.
    public internal(set) var acknowledged = 0
    /// Whether the client has ever acknowledged or said that it will: then only that makes a message done.
    var acknowledges = false
    /// Everything before this has reached the kernel on some connection that could carry it.
    public internal(set) var delivered = 0
    /// Where a deciding connection has started: what is before it is nobody's due any more, so that a later switch does
    /// not go back behind it.
    var liveFloor = 0
    /// Everything before this is done: acknowledged, or delivered long enough ago.
    var done = 0
    /// Delivered positions that become `done` when they are old enough: one that ages, and the newest.
    var graceMarks: (older: GraceMark?, newer: GraceMark?) = (nil, nil)
    /// When the last connection left; `nil` while there are connections.
    public internal(set) var detachedSince: Instant?
    /// Whether a message could not be stored since the last connection left, so that a resume cannot be whole.
    var missedMessages = false
    var connectionsSoFar: UInt32 = 0
    /// Whether the gateway has dropped the session; it takes nothing any more.
    public internal(set) var isForgotten = false
    /// What this client has used of its rate limit.
    public var rateUsage = RateLimit.Usage()
    /// What it has used of the bytes that it may send, and of the joins that it may ask for.
    public var byteUsage = RateLimit.Usage()
    public var joinUsage = RateLimit.Usage()
    /// Topics, each with the number of connections that claim it; 0 is an orphan that waits for a resume.
    public internal(set) var subscriptions: [Subscription] = []
    /// Messages that the client has sent.
    public var messagesReceived = 0
    /// Messages handed to connections of this client.
    public internal(set) var messagesSent = 0
    /// The last time anything came from or went to the client.
    public var lastActivity: Instant
    /// When the oldest present connection came.
    public internal(set) var connectedSince: Instant?

    /// What most sessions never need.
    private struct Extras: SeldomValue {
        var alerts: [[UInt8]] = []
        var lastCritical = -1
        var durableEnd = 0
        var released = 0
        var restored = 0
        var handover: Handover?
        var companion: (any AnyObject & Sendable)?
        var losses: ClosedRange<Int>?
        var damping: TransportDamping?
        var history = ClientHistory()
        var sealedMessages = ReplayWindow()
    }

    private var extras = Seldom<Extras>()

    struct GraceMark: Sendable {
        var sequence: Int
        var at: Instant
    }

    public init(epoch: Epoch, now: Instant) {
        self.epoch = epoch
        detachedSince = now
        lastActivity = now
    }

    /// Which of the client's encrypted messages have come in this epoch.
    public var sealedMessages: ReplayWindow {
        get { extras.read { $0.sealedMessages } }
        set { extras.change { $0.sealedMessages = newValue } }
    }

    /// The sequence that the next message will get.
    public var nextSequence: Int { log.next }
    public var hasConnections: Bool { !cursors.isEmpty }
    public var connectionCount: Int { cursors.count }
    /// Bytes of the messages that the log holds.
    public var storedBytes: Int { log.bytes }
    public var storedMessages: Int { log.count }
    /// The kinds of connection that the client holds, best first.
    public var transports: [Transport] {
        Transport.allCases.filter { kind in cursors.contains { $0.transport == kind } }
    }
    /// Delivered but not acknowledged messages; 0 for clients that never acknowledge.
    public var pendingAcknowledgements: Int {
        cursors.contains(where: \.acknowledges) ? max(0, delivered - acknowledged) : 0
    }

    // MARK: - Publishing

    public enum AppendResult: Equatable, Sendable {
        /// A connection gets it now.
        case delivered(sequence: Int, by: Transport)
        /// It waits for the client.
        case queued(sequence: Int)
        /// The queue of an absent client is full; nothing was stored.
        case full
    }

    /// Numbers a message, stores it, and names the connections that must be woken for it.
    public mutating func append(
        _ message: Message, limits: SessionLimits, now: Instant, wakes: inout WakeSet
    ) -> AppendResult {
        guard makeRoom(for: message, limits: limits) else {
            // The sender of a durable message is told; a topic's publisher is not, so the client will be.
            if !message.isDurable, !limits.keepsUndelivered {
                missedMessages = true
                for index in cursors.indices where cursors[index].delivers {
                    cursors[index].isOverrun = true
                    wakes.insert(cursors[index].connection)
                }
            }
            return .full
        }
        let sequence = log.append(message)
        if message.isDurable { durableEnd = sequence + 1 }
        if message.priority == .high { lastCritical = sequence }
        if activeTransport == .webSocket || message.transport == .webSocket,
            message.tail.readableBytes > limits.maxFrameBytes
        {
            prefer(.eventStream, .size, now: now, wakes: &wakes)
        } else if let wanted = message.transport {
            prefer(wanted, .requested, now: now, wakes: &wakes)
        }
        var deliveredBy: Transport?
        for index in cursors.indices where cursors[index].delivers {
            notePending(index, message, sequence)
            if cursors[index].carriesAll || message.topic != nil {
                if deliveredBy == nil || cursors[index].role == .active { deliveredBy = cursors[index].transport }
            }
            if !cursors[index].wakeRequested {
                cursors[index].wakeRequested = true
                wakes.insert(cursors[index].connection)
            }
        }
        if let deliveredBy { return .delivered(sequence: sequence, by: deliveredBy) }
        return .queued(sequence: sequence)
    }

    /// Trims the log until one more message fits.
    /// - Returns: `false` if that would lose a durable message that has never been delivered.
    private mutating func makeRoom(for message: Message, limits: SessionLimits) -> Bool {
        if cursors.isEmpty, message.isDurable, !waits(message, limits: limits) { return false }
        while log.count >= limits.logMessages || log.bytes + message.cost > limits.logBytes, let first = log.first {
            if limits.keepsUndelivered || first.isDurable, log.oldest >= safelyDelivered {
                // The client has a right to this one. Durable messages wait behind it within their own bounds; what is
                // not durable waits only for a client that is here to take it.
                let hasRoom: Bool
                if limits.keepsUndelivered || message.isDurable {
                    hasRoom = waits(message, limits: limits)
                } else {
                    hasRoom =
                        !cursors.isEmpty && log.count < limits.logMessages + limits.offlineMessages
                        && log.bytes + message.cost <= limits.logBytes + limits.offlineBytes
                }
                // Connections that drop lose it, and are told.
                guard !hasRoom, dropsForSlowReaders else { return hasRoom }
                if first.isDurable { noteLoss(log.oldest) }
            }
            removeOldest()
        }
        return true
    }

    /// Whether one more durable message may wait for the client.
    private func waits(_ message: Message, limits: SessionLimits) -> Bool {
        var count = 0
        var bytes = message.cost
        for sequence in max(log.oldest, safelyDelivered)..<max(log.next, safelyDelivered)
        where log[sequence].isDurable || limits.keepsUndelivered {
            count += 1
            bytes += log[sequence].cost
        }
        return count == 0 || count < limits.offlineMessages && bytes <= limits.offlineBytes
    }

    // MARK: - Draining

    /// A message on its way to one connection, or the hole that it leaves.
    public struct Delivery: Sendable {
        /// What goes out.
        public enum Content: Sendable {
            case message(Message)
            /// Nothing from `from` up to and including the delivery's sequence.
            case gap(from: Int, GapReason)
        }

        /// The sequence of the message, or the last one of the hole.
        public let sequence: Int
        public let content: Content
    }

    /// What a connection is told beside messages.
    public struct Notices: Equatable, Sendable {
        /// A switch that the connection has not been told of; it comes before the messages.
        public var transportSwitch: TransportSwitch?
        /// Whether another transport stands by, so that it is worth knowing at once when this one fails.
        public var isBackedUp = false
        /// Whether the messages go out as one bundle.
        public var isBundle = false
        /// Data of `error` events; they come behind the messages.
        public var alerts: [[UInt8]] = []

        public init() {}
    }

    public enum TakeResult: Equatable, Sendable {
        /// All there is was handed out.
        case drained
        /// There is more; take again when the connection can write.
        case more
        /// Too much waits for this connection, or part of it has been trimmed already: from this sequence on the
        /// connection's messages are not whole any more.
        case fellBehind(from: Int, to: Int)
        /// There is more, and it waits for acknowledgements; take again at this time, or when woken.
        case held(until: Instant)
        /// The connection stands by and gets nothing now.
        case standby
        /// The connection is not one of this session's.
        case unknown
    }

    /// Hands the next messages to a connection.
    /// - Parameters:
    ///   - flushed: everything before this sequence, among what was handed out earlier, has reached the kernel.
    ///   - maxMessages, maxBytes: how much at most; at least one message is handed out if both are above 0.
    ///   - notices: what else the connection is told.
    public mutating func take(
        _ connection: ConnectionID, flushed: Int, maxMessages: Int, maxBytes: Int, limits: SessionLimits, now: Instant,
        into batch: inout [Delivery], notices: inout Notices, wakes: inout WakeSet
    ) -> TakeResult {
        guard let index = cursors.firstIndex(where: { $0.connection == connection }) else { return .unknown }
        cursors[index].wakeRequested = false
        noteFlushed(index, before: flushed, now: now, wakes: &wakes)
        if cursors[index].notice != nil {
            notices.transportSwitch = cursors[index].notice
            cursors[index].notice = nil
        }
        guard cursors[index].delivers else { return .standby }
        if cursors[index].isOverrun { return .fellBehind(from: cursors[index].handedOut, to: log.next) }
        if cursors[index].position < log.oldest {
            guard cursors[index].toleratesHoles else {
                return .fellBehind(from: cursors[index].handedOut, to: log.oldest - 1)
            }
            skip(index, to: log.oldest, cursors[index].policy.drops ? .trimmed : .backpressure)
        }
        if maxMessages == 0 {
            guard relieve(index, limits: limits) else {
                return .fellBehind(from: cursors[index].handedOut, to: log.next - 1)
            }
            return cursors[index].position < log.next || cursors[index].gap != nil ? .more : .drained
        }
        if !alerts.isEmpty { swap(&alerts, &notices.alerts) }
        if cursors.count > 1 { notices.isBackedUp = isBackedUp(index) }
        var quota = Quota(messages: maxMessages, end: log.next)
        if cursors[index].ladder != nil { climb(index, &quota, &notices, limits: limits, now: now) }
        let taken = advance(index, quota, maxBytes: maxBytes, now: now, into: &batch)
        let position = cursors[index].position
        if !cursors[index].isPlain {
            cursors[index].ladder?.handedOut(taken, before: position, limits: limits.backpressure, now: now)
        }
        messagesSent += taken
        if taken > 0 { lastActivity = now }
        guard position < log.next else {
            if !cursors[index].isPlain { cursors[index].backlog = nil }
            cursors[index].pendingBytes = 0
            return .drained
        }
        // The ladder's limit rather than the caller's: it says when to come again.
        if let until = quota.heldUntil, taken < maxMessages, position == quota.end || taken >= quota.messages {
            return .held(until: until)
        }
        return .more
    }

    /// A connection reports how far its bytes have reached the kernel.
    public mutating func flushed(
        _ connection: ConnectionID, before sequence: Int, now: Instant, wakes: inout WakeSet
    ) {
        guard let index = cursors.firstIndex(where: { $0.connection == connection }) else { return }
        noteFlushed(index, before: sequence, now: now, wakes: &wakes)
    }

    mutating func noteFlushed(_ index: Int, before sequence: Int, now: Instant, wakes: inout WakeSet) {
        let sequence = min(sequence, cursors[index].position)
        guard sequence > cursors[index].flushed else { return }
        cursors[index].flushed = sequence
        // A hole in a connection that stands beside the active ones says nothing about those.
        if cursors[index].carriesAll, !(cursors[index].role == .independent && cursors[index].hasHoles) {
            noteDelivered(before: sequence, now: now)
        }
        completeHandover(wakes: &wakes)
    }

    mutating func noteDelivered(before sequence: Int, now: Instant) {
        guard sequence > delivered else { return }
        delivered = sequence
        let mark = GraceMark(sequence: sequence, at: now)
        if graceMarks.older == nil {
            graceMarks.older = mark
        } else {
            graceMarks.newer = mark
        }
    }

    /// Moves `done` forward over what was delivered long enough ago.
    mutating func settle(now: Instant, limits: SessionLimits) {
        done = max(done, acknowledged)
        // A client that acknowledges decides itself.
        guard !acknowledges else { return }
        while let mark = graceMarks.older, now - mark.at >= limits.unackedGrace {
            done = max(done, mark.sequence)
            graceMarks = (graceMarks.newer, nil)
        }
        if graceMarks.newer == nil, delivered > (graceMarks.older?.sequence ?? done) {
            let mark = GraceMark(sequence: delivered, at: now)
            if graceMarks.older == nil { graceMarks.older = mark } else { graceMarks.newer = mark }
        }
    }

    // MARK: - Acknowledging

    /// The client has received everything up to and including `sequence`. Old and impossible sequences are ignored.
    public mutating func acknowledge(through sequence: Int, on connection: ConnectionID?, wakes: inout WakeSet) {
        noteAcknowledging(connection)
        guard sequence >= acknowledged, sequence < log.next else { return }
        acknowledged = sequence + 1
        done = max(done, acknowledged)
        delivered = max(delivered, acknowledged)
        releaseHeld(wakes: &wakes)
    }

    /// The last message that the client has acknowledged, and when it was accepted; `nil` if it is not kept any more.
    public var lastAcknowledged: (sequence: Int, acceptedAt: Instant)? {
        let sequence = acknowledged - 1
        guard sequence >= log.oldest, sequence < log.next else { return nil }
        return (sequence, log[sequence].acceptedAt)
    }

    /// The client has received the message with this id, and all before it. An unknown id is ignored.
    public mutating func acknowledge(id: String, on connection: ConnectionID?, wakes: inout WakeSet) {
        var sequence = log.next - 1
        let end = max(acknowledged, log.oldest)
        while sequence >= end {
            if log[sequence].hasID(id) { return acknowledge(through: sequence, on: connection, wakes: &wakes) }
            sequence -= 1
        }
        noteAcknowledging(connection)
    }

    private mutating func noteAcknowledging(_ connection: ConnectionID?) {
        acknowledges = true
        guard let index = cursors.firstIndex(where: { $0.connection == connection }) else { return }
        if cursors[index].ladder == nil {
            cursors[index].ladder = BackpressureLadder(takesBundles: cursors[index].takesBundles)
        }
    }

    // MARK: - Age

    /// Frees messages that were accepted before `time`.
    public mutating func trim(acceptedBefore time: Instant) {
        while let first = log.first, first.acceptedAt < time { removeOldest() }
    }

    /// Frees what has outlived its time.
    /// - Returns: whether the whole session can be forgotten.
    public mutating func expire(now: Instant, limits: SessionLimits) -> Bool {
        settle(now: now, limits: limits)
        guard let detachedSince else { return false }
        // Whoever never connected and has nothing waiting was only a name in a request.
        if connectionsSoFar == 0, log.isEmpty, rateUsage.isSpent(by: now) { return true }
        guard now - detachedSince >= limits.retention else { return false }
        trim(acceptedBefore: Instant(nanoseconds: now.nanoseconds - limits.offlineAge.nanoseconds + 1))
        while let first = log.first, !first.isDurable || log.oldest < done || first.expiresAt <= now {
            removeOldest()
        }
        return log.isEmpty
    }
}

extension Session {
    /// Ends the session for good: whoever still holds it must look for a new one.
    /// - Returns: the topics that it was subscribed to.
    public mutating func forget() -> [String] {
        isForgotten = true
        defer { subscriptions = [] }
        return subscriptions.map(\.topic)
    }
}

extension Session {
    /// What the client is to be told outside the log: data of `error` events.
    var alerts: [[UInt8]] {
        get { extras.read { $0.alerts } }
        set { extras.change { $0.alerts = newValue } }
    }

    /// The sequence of the last message with priority `high`; -1 before the first.
    var lastCritical: Int {
        get { extras.read { $0.lastCritical } }
        set { extras.change { $0.lastCritical = newValue } }
    }

    /// Every durable message of this log stands before this.
    public internal(set) var durableEnd: Int {
        get { extras.read { $0.durableEnd } }
        set { extras.change { $0.durableEnd = newValue } }
    }

    /// What is stored of messages before this may be deleted, and its owner has been told so.
    var released: Int {
        get { extras.read { $0.released } }
        set { extras.change { $0.released = newValue } }
    }

    /// Messages that an earlier process has left; the log begins with them.
    public internal(set) var restored: Int {
        get { extras.read { $0.restored } }
        set { extras.change { $0.restored = newValue } }
    }

    /// Where durable messages were that made way for slow readers before the client was known to have them. Whoever
    /// starts behind them without a place of its own is told.
    var losses: ClosedRange<Int>? {
        get { extras.isUnused ? nil : extras.read { $0.losses } }
        set { if newValue != nil || !extras.isUnused { extras.change { $0.losses = newValue } } }
    }

    private mutating func noteLoss(_ sequence: Int) {
        losses = (losses?.lowerBound ?? sequence)...sequence
    }

    /// A switch of transports that is not complete.
    var handover: Handover? {
        get { extras.read { $0.handover } }
        set { if newValue != nil || !extras.isUnused { extras.change { $0.handover = newValue } } }
    }

    /// What keeps the client from going back to a transport that it lost lately.
    var damping: TransportDamping? {
        get { extras.isUnused ? nil : extras.read { $0.damping } }
        set { if newValue != nil || !extras.isUnused { extras.change { $0.damping = newValue } } }
    }

    /// What happened to the client lately; empty while that goes without saying.
    var history: ClientHistory {
        get { extras.isUnused ? ClientHistory() : extras.read { $0.history } }
    }

    mutating func changeHistory(_ body: (inout ClientHistory) -> Void) { extras.change { body(&$0.history) } }

    /// An object that its owner keeps with the session; the session knows nothing of it.
    public var companion: (any AnyObject & Sendable)? {
        get { extras.read { $0.companion } }
        set { extras.change { $0.companion = newValue } }
    }
}
