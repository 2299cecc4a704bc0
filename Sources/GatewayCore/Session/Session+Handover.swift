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
    mutating func prefer(_ transport: Transport, now: Instant, wakes: inout WakeSet) {
        guard handover == nil, let activeTransport, activeTransport != transport,
            cursors.contains(where: { $0.transport == transport && $0.role == .standby })
        else { return }
        beginHandover(to: transport, reason: .requested, start: nil, now: now, wakes: &wakes)
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
