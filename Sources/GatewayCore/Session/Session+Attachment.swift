extension Session {
    /// Why a connection did not go on where the client wanted.
    public enum AttachReason: String, Sendable {
        /// The client named no place, or there was nothing to resume.
        case new
        /// The place belongs to another log.
        case epoch
        /// The place is too old; what followed it is not all here any more.
        case trimmed
        /// The place is beyond the end of the log.
        case ahead
    }

    /// Where a new connection starts (contract §12, "Where a cursor starts").
    public struct Attachment: Equatable, Sendable {
        /// `nil` when the client goes on without a hole.
        public var reason: AttachReason?
        /// How many messages that are here already will be sent.
        public var replayed: Int
        /// The sequence that the next message will get.
        public var nextSequence: Int
        /// Whether the connection gets messages now; otherwise it stands by.
        public var isActive: Bool
        /// Orphaned subscriptions that a fresh start ends.
        public var abandonedTopics: [String]
        /// Orphaned subscriptions that the connection now claims, because the client goes on where it was.
        public var inheritedTopics: [String]

        /// Whether the client goes on without a hole.
        public var recovered: Bool { reason == nil }

        /// An attachment that goes on where it was.
        public init(reason: AttachReason? = nil, replayed: Int, nextSequence: Int, isActive: Bool = true) {
            self.reason = reason
            self.replayed = replayed
            self.nextSequence = nextSequence
            self.isActive = isActive
            abandonedTopics = []
            inheritedTopics = []
        }
    }

    /// How a connection joins.
    public struct AttachRequest: Sendable {
        public var connection: ConnectionID
        public var transport: Transport
        public var resume: ResumePoint = .none
        /// `delivery=all`, or a connection that carries only some of the messages: it stays out of the choice of the
        /// active transport.
        public var isIndependent = false
        /// Whether the connection can carry every message of the client, so that what it delivers is delivered.
        public var carriesAll = true
        /// Whether the client has said that it will acknowledge.
        public var acknowledges = false
        /// Whether the client takes several messages as one.
        public var takesBundles = false
        /// What becomes of messages that it does not read fast enough; `nil` for what `SessionLimits` say.
        public var slowConsumerPolicy: SlowConsumerPolicy?

        public init(connection: ConnectionID, transport: Transport) {
            self.connection = connection
            self.transport = transport
        }
    }

    /// A connection joins the session.
    public mutating func attach(
        _ request: AttachRequest, limits: SessionLimits, now: Instant, wakes: inout WakeSet
    ) -> Attachment {
        precondition(!cursors.contains { $0.connection == request.connection }, "Attached twice")
        settle(now: now, limits: limits)
        let isFirst = cursors.isEmpty
        let (start, reason) = place(for: request.resume)
        let goesOn = request.resume.isExplicit && reason == nil
        // Who comes for the first time leaves no trace: idle connections are many, and the session knows that much.
        if connectionsSoFar > 0 {
            note(ClientHistory.Event(goesOn ? .resumed : .connected, request.transport, at: now))
        }
        connectionsSoFar &+= 1
        missedMessages = false
        acknowledges = acknowledges || request.acknowledges
        // What the client itself says that it has is done.
        if goesOn, request.resume != .automatic {
            done = max(done, start)
            delivered = max(delivered, start)
        }
        detachedSince = nil
        if isFirst { connectedSince = now }
        lastActivity = now

        let cursor = Cursor(
            request, role: request.isIndependent ? .independent : .standby,
            policy: request.slowConsumerPolicy ?? limits.slowConsumerPolicy, position: start,
            floor: goesOn ? start : 0)

        var replayed = log.next - start
        cursors.append(cursor)
        if !request.isIndependent {
            if activeTransport == nil || activeTransport == request.transport && handover == nil {
                // What another one that is in charge has not delivered yet is still due.
                let isAlone = !cursors.contains { $0.role == .active && $0.carriesAll }
                activeTransport = request.transport
                cursors[cursors.count - 1].role = .active
                if request.carriesAll, isAlone { liveFloor = max(liveFloor, start) }
            } else {
                let takesOver =
                    activeTransport != request.transport
                    && damping?.holds(request.transport, now: now) != true
                    && (request.transport < activeTransport! || goesOn && start < handedOut)
                if takesOver {
                    beginHandover(
                        to: request.transport, reason: goesOn ? .resumed : .preferred,
                        start: goesOn && !followsDelivery(request.resume) ? (request.connection, start) : nil, now: now,
                        wakes: &wakes)
                }
                let index = cursors.count - 1
                // It is told that it does not go on where it was: what is not here any more is no hole of its own.
                if cursors[index].role == .active, reason != nil, cursors[index].position < log.oldest {
                    cursors[index].position = log.oldest
                    cursors[index].flushed = log.oldest
                }
                replayed = cursors[index].role == .active ? log.next - cursors[index].position : 0
            }
        }

        if reason != nil { tellLosses(cursors.count - 1) }

        var attachment = Attachment(
            reason: reason, replayed: replayed, nextSequence: log.next, isActive: cursors[cursors.count - 1].delivers)
        if reason == nil {
            attachment.inheritedTopics = adoptOrphans()
        } else if isFirst {
            attachment.abandonedTopics = removeOrphans()
        }
        return attachment
    }

    /// Lets a connection begin with the hole that durable messages have left.
    private mutating func tellLosses(_ index: Int) {
        guard let losses, losses.upperBound >= safelyDelivered, cursors[index].delivers else { return }
        let start = cursors[index].position
        let from = max(losses.lowerBound, safelyDelivered)
        // Whoever takes over goes on where another one was, which is told itself.
        guard from < start, cursors[index].flushed == start, cursors[index].notice == nil else { return }
        cursors[index].position = from
        cursors[index].flushed = from
        skip(index, to: start, .trimmed)
    }

    /// A connection has gone.
    /// - Parameters:
    ///   - flushed: everything before this sequence, among what was handed to it, has reached the kernel.
    ///   - isLost: whether it failed, rather than being left by its client.
    ///   - damping: how long its transport has to wait then.
    public mutating func detach(
        _ connection: ConnectionID, flushed: Int, isLost: Bool = false, damping limits: DampingLimits = DampingLimits(),
        now: Instant, wakes: inout WakeSet
    ) {
        guard let index = cursors.firstIndex(where: { $0.connection == connection }) else { return }
        noteFlushed(index, before: flushed, now: now, wakes: &wakes)
        let gone = cursors.remove(at: index)
        lastActivity = now
        if cursors.isEmpty {
            lastTransport = activeTransport ?? gone.transport
            activeTransport = nil
            handover = nil
            damping = nil
            detachedSince = now
            connectedSince = nil
            return
        }
        guard gone.role != .independent else { return }
        let candidates = cursors.filter { $0.role != .independent }.map(\.transport)
        if isLost { noteTransportLoss(gone.transport, candidates, limits: limits, now: now) }
        if let active = activeTransport, !candidates.contains(active) {
            handover = nil
            activeTransport = candidates.min()
            if let next = activeTransport {
                // What a client that acknowledges has not acknowledged may have died with the connection.
                activate(
                    start: acknowledges ? safelyDelivered : max(delivered, liveFloor),
                    notice: TransportSwitch(from: active, to: next, reason: .disconnected), wakes: &wakes)
            }
        } else {
            completeHandover(wakes: &wakes)
        }
    }

    /// A connection that carried only some messages now carries all (it joined the gateway channel late). Its cursor
    /// goes to where the client wants to start.
    /// - Returns: the outcome, and the range of sequences that the connection has had already as far as it could carry
    ///   them.
    public mutating func promote(
        _ request: AttachRequest, limits: SessionLimits, now: Instant, wakes: inout WakeSet
    ) -> (attachment: Attachment, alreadyHad: Range<Int>) {
        guard let index = cursors.firstIndex(where: { $0.connection == request.connection }) else {
            return (attach(request, limits: limits, now: now, wakes: &wakes), 0..<0)
        }
        let old = cursors.remove(at: index)
        let attachment = attach(request, limits: limits, now: now, wakes: &wakes)
        return (attachment, old.start..<old.position)
    }

    /// The place where a connection starts, and why it is not the one that the client wanted.
    func place(for resume: ResumePoint) -> (start: Int, reason: AttachReason?) {
        let wanted: Int
        switch resume {
        case .none:
            return (oldestUndone, .new)
        case .automatic:
            guard connectionsSoFar > 0 else { return (oldestUndone, .new) }
            wanted = safelyDelivered
        case .after(let id):
            guard id.epoch == epoch else { return (oldestUnacknowledged, .epoch) }
            wanted = next(after: id.sequence)
        case .afterSequence(let sequence):
            // A number without an epoch that comes first after a crash was counted in the log before.
            guard restored == 0 || connectionsSoFar > 0 else { return (oldestUnacknowledged, .epoch) }
            wanted = next(after: sequence)
        case .foreign:
            return (oldestUnacknowledged, .epoch)
        }
        if wanted > log.next { return (oldestUndone, .ahead) }
        // What is still here of what the client says it lacks.
        if wanted < log.oldest { return (oldestDurable(from: log.oldest), .trimmed) }
        if missedMessages { return (wanted, .trimmed) }
        return (wanted, nil)
    }

    /// Whether a resume goes on behind what is delivered, even if that moves while a switch waits.
    private func followsDelivery(_ resume: ResumePoint) -> Bool { resume == .automatic && !acknowledges }

    /// The sequence behind one that a client named; the largest number there is stays beyond every log.
    private func next(after sequence: Int) -> Int { sequence < .max ? sequence + 1 : .max }

    /// The oldest durable message that is not done, else the end of the log.
    private var oldestUndone: Int { oldestDurable(from: max(done, log.oldest)) }

    /// The oldest durable message that the client has not acknowledged, else the end of the log.
    private var oldestUnacknowledged: Int { oldestDurable(from: max(acknowledged, log.oldest)) }

    private func oldestDurable(from sequence: Int) -> Int {
        var sequence = sequence
        while sequence < log.next, !log[sequence].isDurable { sequence += 1 }
        return sequence
    }
}
