/// When a message is done: its client says so, or had time enough to.
extension Session {
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
}
