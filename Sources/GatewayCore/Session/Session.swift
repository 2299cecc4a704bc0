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
    /// The transport that the messages took last; `nil` before the first connection.
    var lastTransport: Transport?
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

    /// The transport that the client is connected by or, while it is away, was connected by last.
    public var usualTransport: Transport? { activeTransport ?? lastTransport }

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

    // MARK: - Age

    /// Frees messages that were accepted before `time`.
    public mutating func trim(acceptedBefore time: Instant) {
        while let first = log.first, first.acceptedAt < time { removeOldest() }
    }

    /// Frees the oldest messages until the log keeps to its bytes, but for durable ones that the client has a right to, and
    /// for the newest: a bound that has become smaller holds for who is sent nothing, too.
    public mutating func shorten(limits: SessionLimits, wakes: inout WakeSet) {
        guard log.bytes > limits.logBytes else { return }
        while log.bytes > limits.logBytes, log.count > 1, let first = log.first {
            if limits.keepsUndelivered || first.isDurable, log.oldest >= safelyDelivered {
                guard dropsForSlowReaders else { break }
                if first.isDurable { noteLoss(log.oldest) }
            }
            removeOldest()
        }
        // Who has missed something is told, or has to resume, as its policy says.
        for index in cursors.indices
        where cursors[index].delivers && cursors[index].position < log.oldest && !cursors[index].wakeRequested {
            cursors[index].wakeRequested = true
            wakes.insert(cursors[index].connection)
        }
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
