@testable import GatewayCore

/// What can happen.
extension Simulation {
    mutating func act() {
        switch random.below(100) {
        case ..<26:
            for _ in 0...random.pick([0, 0, 1, 3]) {
                publish()
                checkSwitches()
            }
        case ..<50: if let index = anyReader(where: \.mustTake) { take(index) }
        case ..<54: if let index = anyReader(where: { _ in true }) { take(index) }
        case ..<57: if let index = anyReader(where: { !$0.underWay.isEmpty }) { take(index, stalled: true) }
        case ..<70: if let index = anyReader(where: { !$0.underWay.isEmpty }) { flush(index) }
        case ..<79: if readers.count < 5 { connect() }
        case ..<86: if let index = anyReader(where: { _ in true }) { drop(index) }
        case ..<90: acknowledge()
        case ..<95: pass(random.pick([.milliseconds(1), .seconds(1), .seconds(31), .seconds(61)]))
        case ..<96: hurry()
        case ..<97: if let index = anyReader(where: { !$0.carriesAll }) { promote(index) }
        case ..<98: expire()
        case ..<99: shorten()
        default:
            while !readers.isEmpty { drop(0) }
            look()
            pass(random.pick([.seconds(301), .seconds(2000), .seconds(86_401)]))
            expire()
        }
    }

    private mutating func anyReader(where isFit: (Reader) -> Bool) -> Int? {
        let fit = readers.indices.filter { isFit(readers[$0]) }
        return fit.isEmpty ? nil : random.pick(fit)
    }

    mutating func pass(_ span: Instant.Span) {
        now = now + span
        note("wait \(span.milliseconds) ms")
        for index in readers.indices where readers[index].heldUntil.map({ $0 <= now }) ?? false {
            readers[index].mustTake = true
        }
    }

    mutating func publish() {
        let isDurable = random.oneIn(2)
        let topic = random.oneIn(2) ? nil : "room"
        let expiresAt = random.oneIn(8) ? now + .seconds(Int64(random.below(90))) : .distantFuture
        let wish: Transport? = random.oneIn(12) ? random.pick(Transport.allCases) : nil
        let message = Message.sample(
            "m\(ledger.next)", isDurable: isDurable, topic: topic, size: random.pick([0, 200, 400, 1200]),
            priority: random.oneIn(6) ? .high : .normal, key: random.pick([nil, "k", "l"]), transport: wish,
            acceptedAt: now, expiresAt: expiresAt)
        let present = readers.filter { !$0.isExpelled }
        let wasAbsent = !present.contains(where: \.carriesAll)
        let before = (count: session.log.count, bytes: session.log.bytes, oldest: session.log.oldest)
        let waiting = ledger.waiting(from: max(session.safelyDelivered, before.oldest))
        let result = subject.append(message, limits: limits, now: now, wakes: &wakes)
        note(
            "publish \(message.id)\(isDurable ? "!" : "") \(message.cost)\(wish.map { ">\($0.name)" } ?? "") -> \(result)"
        )
        switch result {
        case .full:
            let mayRefuse =
                isDurable || before.count >= limits.logMessages + limits.offlineMessages
                || before.bytes + message.cost > limits.logBytes + limits.offlineBytes
            if !present.isEmpty, !mayRefuse { report(.delivery, "refused a message although the client is there") }
            if !isDurable {
                // Its publisher is not told, so the client must be.
                missedMessages = true
                for index in readers.indices where readers[index].next != nil { readers[index].isOverrun = true }
            }
            if isDurable, waiting.count < limits.offlineMessages, waiting.bytes + message.cost <= limits.offlineBytes {
                report(.room, "refused a message although only \(waiting.count) wait, \(waiting.bytes) bytes")
            }
        case .delivered(let sequence, _), .queued(let sequence):
            if sequence != ledger.next { report(.delivery, "gave sequence \(sequence) instead of \(ledger.next)") }
            ledger.append(message, wasAbsent: wasAbsent)
            let trimmed = before.oldest..<session.log.oldest
            let others = (count: before.count - waiting.count, bytes: before.bytes - waiting.bytes)
            if !present.isEmpty,
                waiting.count >= limits.offlineMessages || waiting.bytes + message.cost > limits.offlineBytes
                    || others.count >= limits.logMessages || others.bytes + message.cost > limits.logBytes
            {
                ledger.excuse(trimmed, .bounds)
            }
        }
        if case .delivered(_, let transport) = result,
            !session.cursors.contains(where: { $0.delivers && $0.transport == transport })
        {
            report(.delivery, "says that \(transport.name) delivers, which does not")
        }
        collectWakes()
    }

    mutating func flush(_ index: Int) {
        kernelTakes(index, 1 + random.below(readers[index].underWay.count))
        if random.oneIn(2) { reportFlush(index) }
    }

    /// The kernel takes the next `count` messages that were written to a connection.
    mutating func kernelTakes(_ index: Int, _ count: Int) {
        guard count > 0 else { return }
        let reader = readers[index]
        for sequence in reader.underWay.prefix(count) where reader.carriesAll {
            if reader.holes.contains(sequence) {
                ledger.excuse(sequence..<(sequence + 1), .told)
            } else {
                ledger.received(sequence)
            }
        }
        let last = reader.underWay[count - 1]
        if reader.isInTurn, lastID?.epoch != session.epoch || (lastID?.sequence ?? -1) < last {
            lastID = EventID(epoch: session.epoch, sequence: last)
        }
        readers[index].underWay.removeFirst(count)
        readers[index].flushedBefore = last + 1
        note("kernel has \(reader.name) before \(last + 1)")
    }

    mutating func reportFlush(_ index: Int) {
        noteReported(index)
        subject.flushed(readers[index].id, before: readers[index].flushedBefore, now: now, wakes: &wakes)
        note("flushed \(readers[index].name) before \(readers[index].flushedBefore)")
        collectWakes()
    }

    /// The session is about to learn how far the kernel is.
    mutating func noteReported(_ index: Int) {
        let reader = readers[index]
        guard reader.carriesAll, !reader.isExpelled, reader.reportedBefore < reader.flushedBefore else { return }
        ledger.reported(
            reader.reportedBefore..<reader.flushedBefore, at: now, inTurnBy: reader.isInTurn ? reader.transport : nil,
            era: era)
        // Nobody else is relieved of what a connection beside the others was not given.
        if !(reader.isIndependent && reader.hasDropped) {
            ledger.delivered = max(ledger.delivered, reader.flushedBefore)
        }
        readers[index].reportedBefore = reader.flushedBefore
    }

    mutating func take(_ index: Int, stalled: Bool = false, everything: Bool = false) {
        noteReported(index)
        readers[index].mustTake = false
        var batch: [Session.Delivery] = []
        readers[index].heldUntil = nil
        var notices = Session.Notices()
        let maxMessages = stalled ? 0 : everything ? 1000 : random.pick([1, 2, 4, 256])
        let maxBytes = everything ? .max : random.pick([1, 500, 65_536])
        let id = readers[index].id
        let result = subject.take(
            id, flushed: readers[index].flushedBefore, maxMessages: maxMessages, maxBytes: maxBytes, limits: limits,
            now: now, into: &batch, notices: &notices, wakes: &wakes)
        note(
            "take \(readers[index].name) max \(maxMessages) -> "
                + "\(notices.transportSwitch.map { "[\($0.reason)] " } ?? "")\(batch.map(\.content)) \(result)")
        collectWakes()
        for delivery in batch { checkDelivery(delivery, index) }
        checkResult(result, index, stalled: stalled, took: batch.count)
    }

    mutating func drop(_ index: Int) {
        // Some of what was written may still get out.
        kernelTakes(index, random.below(readers[index].underWay.count + 1))
        close(index)
    }

    /// The connection is gone, with what the kernel has not taken.
    mutating func close(_ index: Int) {
        noteReported(index)
        let reader = readers.remove(at: index)
        if reader.isInTurn {
            if let progress = reader.progress { progressOfGone.append(progress) }
            if reader.flushedBefore > 0 { earlierPlaces.append(reader.flushedBefore - 1) }
        }
        roles[reader.id] = nil
        subject.detach(reader.id, flushed: reader.flushedBefore, now: now, wakes: &wakes)
        note("drop \(reader.name), flushed before \(reader.flushedBefore), lost \(reader.underWay)")
        collectWakes()
    }

    mutating func collectWakes() {
        subject.disturbSwitch(now: now, wakes: &wakes)
        for id in wakes.takeAll() {
            if let index = readers.firstIndex(where: { $0.id == id }) { readers[index].mustTake = true }
        }
    }

    /// Somebody looks whether a switch takes too long.
    mutating func hurry() {
        guard let since = session.handover?.since else { return }
        if random.oneIn(2) { pass(.seconds(3)) }
        let isDue = now - since >= Session.handoverPatience
        subject.session.hurryHandover(now: now, wakes: &wakes)
        note("hurry")
        collectWakes()
        if isDue != (session.handover == nil) { report(.wake, "a switch is hurried at the wrong time") }
        for index in readers.indices where !session.cursors.contains(where: { $0.connection == readers[index].id }) {
            if !isDue
                || readers[index].underWay.isEmpty && readers[index].reportedBefore == readers[index].flushedBefore
            {
                report(.delivery, "\(readers[index].name) loses its place and held nothing up")
            }
            readers[index].isExpelled = true
            readers[index].next = nil
        }
    }

    mutating func acknowledge() {
        guard ledger.next > 0, let index = anyReader(where: { _ in true }) else { return }
        let reader = readers[index]
        let sequence: Int
        switch random.below(4) {
        case 0: sequence = random.pick([-1, ledger.next, ledger.next + 3, .max])
        case 1: sequence = random.below(ledger.next)
        default: sequence = reader.flushedBefore - 1
        }
        note("ack \(sequence) on \(reader.name)")
        if random.oneIn(2) {
            subject.session.acknowledge(through: sequence, on: reader.id, wakes: &wakes)
        } else {
            // An id that has been trimmed is not known any more.
            subject.session.acknowledge(id: "m\(sequence)", on: reader.id, wakes: &wakes)
        }
        acknowledgesSince = acknowledgesSince ?? now
        readers[index].acknowledges = true
        collectWakes()
        let isKnown = session.acknowledged == sequence &+ 1
        guard isKnown, sequence >= ledger.acknowledged, sequence < ledger.next else {
            if session.acknowledged != ledger.acknowledged { report(.delivery, "acknowledged what nobody meant") }
            return
        }
        ledger.acknowledged = sequence + 1
        ledger.delivered = max(ledger.delivered, sequence + 1)
        ledger.excuse(0..<(sequence + 1), .claimed)
    }

    /// What a connection waits for comes: time, and if that is not enough, an acknowledgement of all that it was given.
    mutating func releases(_ index: Int) {
        guard let until = readers[index].heldUntil, let next = readers[index].next else { return }
        if until < .distantFuture, until > now { return pass(until - now) }
        let sequence = next - 1
        readers[index].mustTake = true
        guard sequence >= ledger.acknowledged else { return }
        note("ack \(sequence) on \(readers[index].name), which waits for it")
        subject.session.acknowledge(through: sequence, on: readers[index].id, wakes: &wakes)
        collectWakes()
        ledger.acknowledged = sequence + 1
        ledger.delivered = max(ledger.delivered, sequence + 1)
        ledger.excuse(0..<(sequence + 1), .claimed)
    }

    /// Memory is short: the log is to keep to fewer bytes for once.
    private mutating func shorten() {
        let before = session.log.oldest
        let mayDrop = session.dropsForSlowReaders
        var fewer = limits
        fewer.logBytes = random.pick([0, limits.logBytes / 8, limits.logBytes / 2])
        subject.session.shorten(limits: fewer, wakes: &wakes)
        note("shorten to \(fewer.logBytes) -> \(session.log.bytes)")
        for sequence in before..<session.log.oldest where mayDrop || !ledger.entries[sequence].message.isDurable {
            ledger.excuse(sequence..<(sequence + 1), .bounds)
        }
        collectWakes()
    }

    mutating func expire() {
        let isForgotten = subject.session.expire(now: now, limits: limits)
        note("expire -> \(isForgotten ? "forget" : "keep")")
        checkExpiry(isForgotten)
        guard isForgotten else { return }
        _ = subject.session.forget()
        epochs.append(Epoch(random.next()))
        subject.session = Session(epoch: epochs[epochs.count - 1], now: now)
        ledger = Ledger()
        earlierPlaces = []
        hadConnections = false
        acknowledgesSince = nil
        missedMessages = false
        lastOldest = 0
        lastDelivered = 0
    }
}
