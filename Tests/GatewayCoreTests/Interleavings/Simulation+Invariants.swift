@testable import GatewayCore

/// What holds after every event, whatever happened before.
extension Simulation {
    mutating func look() {
        checkSwitches()
        checkTransports()
        checkCursors()
        checkLog()
    }

    private mutating func checkTransports() {
        let deciding = session.cursors.filter { $0.role != .independent }
        if (session.activeTransport == nil) != deciding.isEmpty {
            report(.state, "active is \(session.activeTransport as Any?) with \(deciding.count) connections")
        }
        if deciding.contains(where: { $0.role == .active && $0.transport != session.activeTransport }) {
            report(.state, "two transports are active")
        }
        if !deciding.isEmpty, session.handover == nil, !deciding.contains(where: { $0.role == .active }) {
            report(.state, "nobody is active")
        }
        if let handover = session.handover,
            !deciding.contains(where: { $0.transport == handover.notice.from && $0.flushed < $0.position })
        {
            report(.state, "a switch waits for nothing")
        }
    }

    private mutating func checkCursors() {
        let session = subject.session
        if session.cursors.count != readers.count(where: { !$0.isExpelled }) {
            report(.state, "\(session.cursors.count) cursors")
        }
        for cursor in session.cursors {
            guard let reader = readers.first(where: { $0.id == cursor.connection }) else {
                report(.state, "a cursor without a connection")
                continue
            }
            if cursor.flushed > cursor.position || cursor.position > session.log.next || cursor.flushed < 0 {
                report(.state, "\(reader.name) is at \(cursor.flushed), \(cursor.position) of \(session.log.next)")
            }
            if cursor.wakeRequested, !reader.mustTake { report(.wake, "\(reader.name) will not be woken any more") }
            guard cursor.delivers else { continue }
            if let next = reader.next, next != cursor.handedOut {
                report(.state, "\(reader.name) is at \(cursor.handedOut), its client at \(next)")
            }
            if cursor.position < session.log.next || cursor.gap != nil, !reader.mustTake, reader.heldUntil == nil {
                report(.wake, "\(reader.name) has something to take and is not woken")
            }
            // What was there before it came does not count against it.
            let waiting = session.bytes(from: cursor.position)
            if cursor.position >= session.log.oldest, !(0...waiting).contains(cursor.pendingBytes) {
                report(.state, "\(reader.name) has \(waiting) bytes waiting, counted \(cursor.pendingBytes)")
            }
        }
    }

    private mutating func checkLog() {
        let session = subject.session
        if session.log.next != ledger.next { report(.state, "the log ends at \(session.log.next), not \(ledger.next)") }
        if session.log.oldest < lastOldest {
            report(.state, "the log begins at \(session.log.oldest), was \(lastOldest)")
        }
        if session.log.bytes != session.bytes(from: session.log.oldest) { report(.state, "the log counts bytes wrong") }
        // What waits for a slow reader is bounded by the two together; durable messages may come on top within their own.
        let mostMessages = limits.logMessages + 2 * limits.offlineMessages
        let mostBytes = limits.logBytes + 2 * limits.offlineBytes + 1200
        if session.log.count > mostMessages || session.log.count > 1 && session.log.bytes > mostBytes {
            report(.state, "the log holds \(session.log.count) messages, \(session.log.bytes) bytes")
        }
        if session.delivered < max(lastDelivered, ledger.delivered) || session.delivered > ledger.next {
            report(.state, "delivered is \(session.delivered), was \(lastDelivered), flushed was \(ledger.delivered)")
        }
        if let missing = ledger.firstMissing(before: session.delivered) {
            report(.state, "delivered is \(session.delivered), but nobody has got \(missing)")
        }
        if session.acknowledged > session.delivered || session.done > session.log.next
            || session.acknowledged > session.log.next
        {
            report(.state, "done \(session.done), acknowledged \(session.acknowledged), delivered \(session.delivered)")
        }
        lastOldest = session.log.oldest
        lastDelivered = session.delivered
    }
}
