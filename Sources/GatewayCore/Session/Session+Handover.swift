extension Session {
    /// A switch of transports that waits until the old connections have flushed what they were given, so that the new
    /// ones neither repeat nor skip it.
    struct Handover: Sendable {
        let notice: TransportSwitch
        /// The connection that asked for a place of its own, and the place; all others start behind what the old ones
        /// delivered.
        let start: (connection: ConnectionID, sequence: Int)?
        /// When it began.
        let since: Instant
    }

    /// How long the old connections have for what they were given.
    public static let handoverPatience = Instant.Span.seconds(3)

    /// The highest sequence that any deciding connection was given, plus one.
    var handedOut: Int {
        cursors.lazy.filter { $0.role == .active }.map(\.handedOut).max() ?? delivered
    }

    /// The present active connections stop taking; those of `transport` start once nothing is under way on the old.
    mutating func beginHandover(
        to transport: Transport, reason: TransportSwitch.Reason, start: (ConnectionID, Int)?, now: Instant,
        wakes: inout WakeSet
    ) {
        guard let from = activeTransport, from != transport else { return }
        for index in cursors.indices where cursors[index].role == .active {
            cursors[index].role = .standby
            // What it has skipped and not told of is for the others now.
            if let gap = cursors[index].gap { cursors[index].position = gap.from }
            cursors[index].gap = nil
            cursors[index].backlog = nil
            // It reports what it has flushed when it is woken.
            if cursors[index].flushed < cursors[index].position, !cursors[index].wakeRequested {
                cursors[index].wakeRequested = true
                wakes.insert(cursors[index].connection)
            }
        }
        activeTransport = transport
        handover = Handover(
            notice: TransportSwitch(from: from, to: transport, reason: reason),
            start: start.map { (connection: $0.0, sequence: $0.1) }, since: now)
        completeHandover(wakes: &wakes)
    }

    /// A message would like another transport: the whole session switches, so that order spans all, if there is a
    /// connection of that kind.
    mutating func prefer(
        _ transport: Transport, _ reason: TransportSwitch.Reason, now: Instant, wakes: inout WakeSet
    ) {
        guard handover == nil, let activeTransport, activeTransport != transport,
            cursors.contains(where: { $0.transport == transport && $0.role == .standby })
        else { return }
        beginHandover(to: transport, reason: reason, start: nil, now: now, wakes: &wakes)
    }

    /// Starts the new connections if nothing is under way on the old ones any more.
    mutating func completeHandover(wakes: inout WakeSet) {
        guard let handover else { return }
        guard !cursors.contains(where: { Self.holdsUp(handover, $0) }) else { return }
        finish(handover, wakes: &wakes)
    }

    /// Ends a switch that has waited too long: connections that still have something under way lose their place, and
    /// find that out when they are woken. Their bytes may still arrive; the new ones start behind what was delivered.
    public mutating func hurryHandover(now: Instant, wakes: inout WakeSet) {
        guard let handover, now - handover.since >= Self.handoverPatience else { return }
        for cursor in cursors where Self.holdsUp(handover, cursor) { wakes.insert(cursor.connection) }
        cursors.removeAll { Self.holdsUp(handover, $0) }
        finish(handover, wakes: &wakes)
    }

    private static func holdsUp(_ handover: Handover, _ cursor: Cursor) -> Bool {
        cursor.role == .standby && cursor.transport == handover.notice.from && cursor.carriesAll
            && cursor.flushed < cursor.position
    }

    private mutating func finish(_ handover: Handover, wakes: inout WakeSet) {
        self.handover = nil
        activate(start: max(delivered, liveFloor), asked: handover.start, notice: handover.notice, wakes: &wakes)
    }

    /// Lets the connections of the active transport deliver from `start` on.
    /// - Parameter asked: the place that one connection asked for.
    mutating func activate(
        start: Int, asked: (connection: ConnectionID, sequence: Int)? = nil, notice: TransportSwitch,
        wakes: inout WakeSet
    ) {
        for index in cursors.indices
        where cursors[index].transport == activeTransport && cursors[index].role == .standby {
            cursors[index].role = .active
            // What a connection was given before it stood by is still under way on it, in order.
            if cursors[index].flushed == cursors[index].position {
                let isAsker = cursors[index].connection == asked?.connection
                let place = max(isAsker ? asked?.sequence ?? start : start, cursors[index].floor)
                cursors[index].position = place
                cursors[index].flushed = place
                // What the others carried meanwhile is not what this one waits for acknowledgements of.
                cursors[index].start = place
            }
            cursors[index].pendingBytes = 0
            cursors[index].notice = notice
            if !cursors[index].wakeRequested {
                cursors[index].wakeRequested = true
                wakes.insert(cursors[index].connection)
            }
        }
    }
}

extension Session {
    /// Everything before this has been received, as far as can be known: a client that acknowledges says so, or has
    /// resumed behind it; of others the kernel is believed.
    public var safelyDelivered: Int { acknowledges ? max(acknowledged, done) : delivered }

    /// Whether the connection waits for another transport to fail.
    public func isStandingBy(_ connection: ConnectionID) -> Bool {
        cursors.contains { $0.connection == connection && $0.role == .standby }
    }
}

/// Leaving a transport that fails, and coming back to it.
extension Session {
    /// A connection was lost. If it was the last of a better transport, that has to wait before it is returned to.
    mutating func noteTransportLoss(
        _ transport: Transport, _ candidates: [Transport], limits: DampingLimits, now: Instant
    ) {
        guard let next = candidates.min(), transport < next else { return }
        var damping = TransportDamping(transport)
        if let present = self.damping, present.transport == transport { damping = present }
        damping.lost(limits: limits, now: now)
        self.damping = damping
    }

    /// Whether a connection is the only one in charge while another transport stands by.
    func isBackedUp(_ index: Int) -> Bool {
        cursors[index].role == .active && cursors[index].carriesAll && handover == nil
            && cursors.contains { $0.role == .standby && $0.carriesAll && $0.transport != cursors[index].transport }
            && !cursors.contains { $0.role == .active && $0.connection != cursors[index].connection }
    }

    /// A connection does not answer any more: the transport that stands by takes over from what its client is known to
    /// have, and the connection loses its place.
    /// - Parameters:
    ///   - confirmed: the client has shown that it has everything before this sequence.
    ///   - limits: how long the connection's transport has to wait before it is returned to.
    /// - Returns: whether there was one that could take over; otherwise nothing has changed.
    public mutating func giveUp(
        _ connection: ConnectionID, confirmed: Int, damping limits: DampingLimits, now: Instant, wakes: inout WakeSet
    ) -> Bool {
        guard let index = cursors.firstIndex(where: { $0.connection == connection }), isBackedUp(index),
            let next = cursors.lazy.filter({ $0.role == .standby && $0.carriesAll }).map(\.transport).min()
        else { return false }
        let gone = cursors.remove(at: index)
        lastActivity = now
        noteTransportLoss(
            gone.transport, cursors.filter { $0.role != .independent }.map(\.transport), limits: limits, now: now)
        activeTransport = next
        let known = min(max(confirmed, gone.start), gone.position)
        activate(
            start: acknowledges ? max(acknowledged, min(known, delivered)) : known,
            notice: TransportSwitch(from: gone.transport, to: next, reason: .unresponsive), wakes: &wakes)
        return true
    }

    /// When the client may go back to the transport that it lost; `nil` if nothing waits for that.
    public var returnsAt: Instant? {
        guard let damping, let activeTransport, damping.transport < activeTransport,
            cursors.contains(where: { $0.transport == damping.transport && $0.role == .standby })
        else { return nil }
        return damping.returnAt
    }

    /// Goes back to the transport that was lost, once it has held for long enough.
    /// - Parameter admits: whether the node has room for one more switch now.
    public mutating func goBack(now: Instant, wakes: inout WakeSet, admits: () -> Bool) {
        guard handover == nil, let time = returnsAt, now >= time, let better = damping?.transport, admits() else {
            return
        }
        beginHandover(to: better, reason: .preferred, start: nil, now: now, wakes: &wakes)
    }
}
