extension Session {
    /// A switch of transports that waits until the old connections have flushed what they were given, so that the new
    /// ones neither repeat nor skip it.
    struct Handover: Sendable {
        let notice: TransportSwitch
        /// Where the new connections start; `nil` is behind what the old ones delivered.
        let start: Int?
    }

    /// The highest sequence that any deciding connection was given, plus one.
    var handedOut: Int {
        cursors.lazy.filter { $0.role == .active }.map(\.position).max() ?? delivered
    }

    /// The present active connections stop taking; those of `transport` start once nothing is under way on the old.
    mutating func beginHandover(
        to transport: Transport, reason: TransportSwitch.Reason, start: Int?, wakes: inout WakeSet
    ) {
        guard let from = activeTransport, from != transport else { return }
        for index in cursors.indices where cursors[index].role == .active {
            cursors[index].role = .standby
            // It reports what it has flushed when it is woken.
            if cursors[index].flushed < cursors[index].position, !cursors[index].wakeRequested {
                cursors[index].wakeRequested = true
                wakes.insert(cursors[index].connection)
            }
        }
        activeTransport = transport
        handover = Handover(notice: TransportSwitch(from: from, to: transport, reason: reason), start: start)
        completeHandover(wakes: &wakes)
    }

    /// A message would like another transport: the whole session switches, so that order spans all, if there is a
    /// connection of that kind.
    mutating func prefer(_ transport: Transport, wakes: inout WakeSet) {
        guard handover == nil, let activeTransport, activeTransport != transport,
            cursors.contains(where: { $0.transport == transport && $0.role == .standby })
        else { return }
        beginHandover(to: transport, reason: .requested, start: nil, wakes: &wakes)
    }

    /// Starts the new connections if nothing is under way on the old ones any more.
    mutating func completeHandover(wakes: inout WakeSet) {
        guard let handover else { return }
        let underWay = cursors.contains {
            $0.role == .standby && $0.transport == handover.notice.from && $0.carriesAll && $0.flushed < $0.position
        }
        guard !underWay else { return }
        self.handover = nil
        activate(start: handover.start ?? delivered, notice: handover.notice, wakes: &wakes)
    }

    /// Lets the connections of the active transport deliver from `start` on.
    mutating func activate(start: Int, notice: TransportSwitch, wakes: inout WakeSet) {
        for index in cursors.indices
        where cursors[index].transport == activeTransport && cursors[index].role == .standby {
            cursors[index].role = .active
            // What a connection was given before it stood by is still under way on it, in order.
            if cursors[index].flushed == cursors[index].position {
                cursors[index].position = start
                cursors[index].flushed = start
            }
            cursors[index].pendingBytes = bytes(from: cursors[index].position)
            cursors[index].notice = notice
            if !cursors[index].wakeRequested {
                cursors[index].wakeRequested = true
                wakes.insert(cursors[index].connection)
            }
        }
    }
}

extension Session {
    /// Whether the connection waits for another transport to fail.
    public func isStandingBy(_ connection: ConnectionID) -> Bool {
        cursors.contains { $0.connection == connection && $0.role == .standby }
    }
}
