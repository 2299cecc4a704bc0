@testable import GatewayCore

/// What the client may rely on.
extension Simulation {
    mutating func checkDelivery(_ delivery: Session.Delivery, _ index: Int) {
        let reader = readers[index]
        let sequence = delivery.sequence
        guard sequence < ledger.next else { return report(.delivery, "delivers \(sequence), which does not exist") }
        guard let next = reader.next else { return report(.delivery, "\(reader.name) stands by and gets \(sequence)") }
        if sequence < reader.floor { report(.delivery, "\(reader.name) gets \(sequence) again") }
        let message = ledger.entries[sequence].message
        var first = sequence
        switch delivery.content {
        case .message(let delivered):
            if delivered !== message { report(.delivery, "delivers another message as \(sequence)") }
            if message.expiresAt <= now { report(.delivery, "is wrong about the age of \(sequence)") }
        case .gap(let from, let reason):
            first = from
            checkGap(from...sequence, reason, reader)
            readers[index].holes.formUnion(from...sequence)
            if reason != .expired { readers[index].hasDropped = true }
        }
        if first != next { report(.delivery, "\(reader.name) gets \(first) where \(next) is next") }
        readers[index].next = sequence + 1
        readers[index].floor = sequence + 1
        readers[index].underWay.append(contentsOf: first...sequence)
    }

    /// A hole has to have a reason that this connection can have.
    private func checkGap(_ range: ClosedRange<Int>, _ reason: GapReason, _ reader: Reader) {
        let isRight =
            switch reason {
            case .expired: range.count == 1 && ledger.entries[range.lowerBound].message.expiresAt <= now
            case .trimmed where reader.beginsWithHole: true
            case .slowConsumer, .trimmed: reader.policy.drops
            case .backpressure: reader.acknowledges
            case .notStored, .damaged: false
            }
        if !isRight { report(.delivery, "\(reader.name) lacks \(range): \(reason)") }
        let critical = range.first { ledger.entries[$0].message.priority == .high }
        if reader.policy == .criticalOnly, reason == .slowConsumer, let critical {
            report(.delivery, "\(reader.name) lacks \(critical), which is urgent")
        }
        // What fell out of the log meanwhile is part of the same hole.
        let durable = range.first { $0 >= session.log.oldest && ledger.entries[$0].message.isDurable }
        if reason == .backpressure, let durable {
            report(.delivery, "\(reader.name) lacks \(durable), which is durable")
        }
    }

    mutating func checkResult(_ result: Session.TakeResult, _ index: Int, stalled: Bool, took: Int) {
        let reader = readers[index]
        if reader.isOverrun, reader.next != nil {
            guard case .fellBehind = result else {
                return report(.delivery, "\(reader.name) lacks a message and is not told")
            }
            return close(index)
        }
        switch result {
        case .drained:
            if reader.next != ledger.next { report(.delivery, "\(reader.name) is drained at \(reader.next as Any?)") }
        case .held(let until):
            readers[index].heldUntil = until
            if !reader.acknowledges { report(.delivery, "\(reader.name) is held back and never acknowledged") }
            if reader.next == ledger.next { report(.delivery, "\(reader.name) is held back where nothing is") }
        case .more:
            readers[index].mustTake = true
            if !stalled, took == 0 { report(.delivery, "\(reader.name) gets nothing although there is more") }
            if reader.next == ledger.next { report(.delivery, "\(reader.name) has more where nothing is") }
        case .standby:
            if reader.next != nil { report(.delivery, "\(reader.name) delivers and is told that it stands by") }
        case .unknown:
            if !reader.isExpelled { report(.delivery, "\(reader.name) is not known") }
            close(index)
        case .fellBehind(let from, let to):
            if from != reader.next { report(.delivery, "\(reader.name) fell behind at \(from), not at its place") }
            let oldest = session.log.oldest
            if from < oldest {
                if to != oldest - 1, to != ledger.next - 1 {
                    report(.delivery, "the hole ends at \(to), not before \(oldest)")
                }
                ledger.excuse(from..<oldest, .told)
            } else {
                let waiting = (from..<ledger.next).reduce(0) { $0 + ledger.entries[$1].message.cost }
                if reader.policy.drops, reader.policy != .criticalOnly {
                    report(.delivery, "\(reader.name) is closed although it drops")
                }
                if !stalled || waiting <= limits.maxUnsentBytes || to != ledger.next - 1 {
                    report(.delivery, "\(reader.name) fell behind with \(waiting) bytes")
                }
            }
            // Whoever serves the connection closes it now.
            close(index)
        }
    }

    /// Connections whose role has changed since the last look.
    mutating func checkSwitches() {
        let active = session.activeTransport
        let progress = readers.filter(\.isInTurn).compactMap(\.progress) + progressOfGone
        for cursor in session.cursors where roles[cursor.connection] != cursor.role {
            guard let index = readers.firstIndex(where: { $0.id == cursor.connection }) else { continue }
            roles[cursor.connection] = cursor.role
            if cursor.role == .standby {
                readers[index].next = nil
            } else {
                checkTakeover(cursor, index, leastProgress: progress.min())
                readers[index].next = cursor.position
                // What was under way on it before it stood by still is.
                readers[index].began = cursor.flushed
            }
        }
        if active != lastActive {
            progressOfGone = []
            lastActive = active
            era += 1
            if let active { eraBegan[active] = era }
        }
    }

    /// A connection begins to deliver in place of another transport.
    private mutating func checkTakeover(_ cursor: Cursor, _ index: Int, leastProgress: Int?) {
        let reader = readers[index]
        let start = cursor.position
        guard let notice = cursor.notice else {
            return report(.delivery, "\(reader.name) takes over and is not told")
        }
        note("  \(reader.name) takes over at \(start): \(notice.reason)")
        if start < reader.floor {
            report(.delivery, "\(reader.name) takes over at \(start), it has everything before \(reader.floor)")
        }
        if notice.reason == .resumed, let resumer, !resumer.isAutomatic {
            // The client named the place; it may be further on only where everything before has come by the others.
            guard resumer.id == reader.id else { return }
            if start < resumer.start {
                report(.delivery, "\(reader.name) resumes at \(start) instead of \(resumer.start)")
            }
            if start > resumer.start, let missing = ledger.firstMissing(before: start) {
                report(.delivery, "\(reader.name) resumes at \(start), but nobody has got \(missing)")
            }
            return
        }
        // What is under way on the connection itself still comes.
        if let missing = ledger.firstMissing(before: reader.underWay.first ?? start) {
            report(.delivery, "\(reader.name) takes over at \(start), but nobody has got \(missing)")
        }
        // What a client that acknowledges has not acknowledged may have been lost with the connection.
        if notice.reason == .disconnected, acknowledgesSince != nil, start >= ledger.acknowledged { return }
        let began = eraBegan[notice.from] ?? 0
        let again = (start..<ledger.next).first { ledger.entries[$0].receivedBy[notice.from] ?? -1 >= began }
        if let again {
            report(.delivery, "\(reader.name) takes over at \(start), but \(again) has come by \(notice.from.name)")
        }
        // A start that is not in the log any more is told as falling behind.
        if let least = leastProgress, start < least, start != reader.wanted, start >= session.log.oldest {
            report(.delivery, "\(reader.name) takes over at \(start), nobody was owed anything before \(least)")
        }
    }

    mutating func checkExpiry(_ isForgotten: Bool) {
        guard isForgotten || session.log.oldest > lastOldest else { return }
        let freed = lastOldest..<(isForgotten ? ledger.next : session.log.oldest)
        for sequence in freed {
            let entry = ledger.entries[sequence]
            if now - entry.message.acceptedAt >= limits.offlineAge || entry.message.expiresAt <= now {
                ledger.excuse(sequence..<(sequence + 1), .told)
            } else if entry.message.isDurable,
                !ledger.mayBeDone(sequence, now: acknowledgesSince ?? now, grace: limits.unackedGrace)
            {
                report(.durable, "forgets \(sequence), which is durable and not done")
            }
        }
    }

    /// Everything that is written gets out, everyone who was woken takes; then the client comes back for the rest.
    mutating func rest() {
        settle()
        for reader in readers where reader.next != nil && reader.next != ledger.next {
            report(.wake, "\(reader.name) sleeps at \(reader.next as Any?) of \(ledger.next)")
        }
        if session.handover != nil { report(.wake, "a switch does not end") }
        while !readers.isEmpty { close(0) }
        look()
        connectHonestly()
        look()
        settle()
        if let missing = ledger.firstMissing(before: ledger.next) {
            report(.delivery, "\(missing) never came and nothing explains it")
        }
        for (sequence, entry) in ledger.entries.enumerated()
        where entry.message.isDurable && entry.wasAbsent && !entry.isReceived && entry.excuse == .new {
            report(.durable, "\(sequence) waited for an absent client and was lost in silence")
        }
    }

    private mutating func settle() {
        var rounds = 0
        while finding == nil {
            if let index = readers.firstIndex(where: {
                !$0.underWay.isEmpty || $0.reportedBefore < $0.flushedBefore && $0.carriesAll && !$0.isExpelled
            }) {
                kernelTakes(index, readers[index].underWay.count)
                reportFlush(index)
            } else if let index = readers.firstIndex(where: \.mustTake) {
                take(index, everything: true)
            } else if let index = readers.firstIndex(where: { $0.heldUntil != nil && $0.next != nil && !$0.isExpelled })
            {
                releases(index)
            } else {
                return
            }
            look()
            rounds += 1
            if rounds > 200 { report(.wake, "does not come to rest") }
        }
    }
}
