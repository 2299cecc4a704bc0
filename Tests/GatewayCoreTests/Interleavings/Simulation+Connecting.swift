@testable import GatewayCore

/// How connections come, and where they have to start.
extension Simulation {
    mutating func connect() {
        var request = Session.AttachRequest(
            connection: ConnectionID(slot: slots), transport: random.pick(Transport.allCases))
        slots += 1
        let kind = random.below(12)
        request.isIndependent = kind <= 1
        request.carriesAll = kind != 0
        request.acknowledges = random.oneIn(5)
        request.takesBundles = random.oneIn(2)
        if random.oneIn(2) { request.slowConsumerPolicy = random.pick(SlowConsumerPolicy.allCases) }
        request.resume = anyResume()
        attach(request)
    }

    /// The client connects as it should, with the last id it has.
    mutating func connectHonestly() {
        var request = Session.AttachRequest(connection: ConnectionID(slot: slots), transport: .eventStream)
        slots += 1
        request.resume = lastID.map { .after($0) } ?? .none
        attach(request)
    }

    mutating func promote(_ index: Int) {
        var request = Session.AttachRequest(connection: readers[index].id, transport: readers[index].transport)
        request.resume = anyResume()
        readers.remove(at: index)
        attach(request, promoting: true)
    }

    private mutating func anyResume() -> ResumePoint {
        let end = ledger.next
        switch random.below(12) {
        case 0...2: return lastID.map { .after($0) } ?? .none
        case 3:
            guard !earlierPlaces.isEmpty else { return .automatic }
            return .after(EventID(epoch: session.epoch, sequence: random.pick(earlierPlaces)))
        case 4...5: return .after(EventID(epoch: session.epoch, sequence: random.below(end + 1) - 1))
        case 6: return .afterSequence(random.below(end + 1) - 1)
        case 7: return random.oneIn(2) ? .afterSequence(end + random.below(3)) : .automatic
        case 8: return .automatic
        case 9:
            return random.oneIn(2) ? .foreign : .after(EventID(epoch: random.pick(epochs), sequence: random.below(9)))
        default: return .none
        }
    }

    private mutating func attach(_ request: Session.AttachRequest, promoting: Bool = false) {
        let wanted = place(request.resume)
        let handoverBefore = session.handover?.start
        let attachment =
            promoting
            ? subject.session.promote(request, limits: limits, now: now, wakes: &wakes).attachment
            : subject.attach(request, limits: limits, now: now, wakes: &wakes)
        var reader = Reader(
            id: request.connection, transport: request.transport, isIndependent: request.isIndependent,
            carriesAll: request.carriesAll, policy: request.slowConsumerPolicy ?? limits.slowConsumerPolicy,
            acknowledges: request.acknowledges)
        if request.acknowledges { acknowledgesSince = acknowledgesSince ?? now }
        note(
            "\(promoting ? "promote" : "connect") \(reader.name)\(request.isIndependent ? " independent" : "")"
                + "\(request.carriesAll ? "" : " partial") \(request.resume) -> \(attachment.reason?.rawValue ?? "recovered"),"
                + " replays \(attachment.replayed), next \(attachment.nextSequence)\(attachment.isActive ? "" : ", standby")"
        )
        hadConnections = true
        missedMessages = false

        if attachment.reason != wanted.reason {
            report(.delivery, "says \(attachment.reason as Any?) where \(wanted.reason as Any?) is right")
        }
        if attachment.nextSequence != ledger.next { report(.delivery, "says next \(attachment.nextSequence)") }
        if wanted.reason == nil {
            reader.wanted = wanted.sequence
            reader.floor = wanted.sequence
        }
        // Who resumes from a place that it cannot have had says that it has everything before.
        if wanted.reason == nil || wanted.reason == .trimmed { ledger.excuse(0..<wanted.sequence, .claimed) }
        let cursor = session.cursors.first { $0.connection == request.connection }
        let takesOver = cursor?.notice
        if attachment.isActive {
            let start = attachment.nextSequence - attachment.replayed
            reader.next = start
            reader.began = start
            if let gap = cursor?.gap {
                reader.next = gap.from
                reader.beginsWithHole = true
                let lost = gap.from..<start
                if attachment.reason == nil || !lost.contains(where: { ledger.entries[$0].message.isDurable }) {
                    report(.delivery, "begins with a hole from \(gap.from) that it does not lack")
                }
            }
            if start < session.log.oldest { report(.delivery, "starts at \(start), which is not there any more") }
            if takesOver == nil {
                if wanted.reason == nil, start != wanted.sequence {
                    report(.delivery, "starts at \(start) where the client wants \(wanted.sequence)")
                }
                if let reason = wanted.reason { checkFreshStart(start, reason, wanted: wanted.sequence) }
            }
            if let reason = attachment.reason, request.carriesAll {
                ledger.excuse(0..<min(start, ledger.next), reason == .new ? .new : .notRecovered)
            }
        } else if attachment.replayed != 0 {
            report(.delivery, "stands by and says that it replays \(attachment.replayed)")
        }
        if takesOver?.reason == .resumed || handoverBefore == nil && session.handover?.start != nil {
            resumer = (reader.id, wanted.sequence, request.resume == .automatic && !session.acknowledges)
        }
        readers.append(reader)
        roles[reader.id] =
            takesOver == nil && attachment.isActive ? (request.isIndependent ? .independent : .active) : .standby
        collectWakes()
    }

    /// Where a client that says `resume` has to start, and why it cannot.
    private func place(_ resume: ResumePoint) -> (sequence: Int, reason: Session.AttachReason?) {
        let sequence: Int
        switch resume {
        case .none: return (0, .new)
        case .foreign: return (0, .epoch)
        case .automatic:
            guard hadConnections else { return (0, .new) }
            // `checkLog` sees to it that this is right.
            sequence = session.safelyDelivered
        case .after(let id):
            guard id.epoch == session.epoch else { return (0, .epoch) }
            sequence = id.sequence + 1
        case .afterSequence(let last): sequence = last + 1
        }
        if sequence > ledger.next { return (0, .ahead) }
        if sequence < session.log.oldest { return (0, .trimmed) }
        if missedMessages { return (sequence, .trimmed) }
        return (sequence, nil)
    }

    /// A start that is not where the client wanted: at the oldest durable message that it may still need, else live.
    private mutating func checkFreshStart(_ start: Int, _ reason: Session.AttachReason, wanted: Int) {
        let oldest = session.log.oldest
        if reason == .trimmed, wanted > 0 {
            if start != wanted { report(.delivery, "starts at \(start), not at \(wanted), although it is there") }
            return
        }
        guard start >= oldest, start <= ledger.next else {
            return report(.delivery, "starts at \(start), outside the log")
        }
        if start < ledger.next,
            !ledger.entries[start].message.isDurable || reason != .trimmed && start < ledger.acknowledged
        {
            report(.delivery, "starts at \(start), which the client does not need")
        }
        for sequence in oldest..<start where ledger.entries[sequence].message.isDurable {
            let mayMiss =
                reason == .epoch
                ? sequence < ledger.acknowledged
                : ledger.mayBeDone(sequence, now: acknowledgesSince ?? now, grace: limits.unackedGrace)
            if !mayMiss { report(.durable, "starts at \(start), behind \(sequence), which is durable and not done") }
        }
    }
}
