import DeliveryHistory
import GatewayCore
import GatewayStore
import NIOCore
import TestSupport

/// What the process of the gateway does: logs, the queue of the store, ids and numbers.
extension World {
    /// The process starts on what the store has.
    mutating func open() {
        guard let contents = try? store.open(now: wallClock) else { return }
        nextLife = contents.nextLife
        leftovers = contents.clients
        for answer in contents.answers where !strikes(.forgetsAnswers) {
            answers[answer.sender + "\n" + answer.messageID] = .answered
        }
    }

    /// The client's session, begun if there is none.
    /// - Returns: whether it is there.
    private mutating func begin(_ name: String) -> Bool {
        if sessions[name] != nil { return true }
        guard let client = ClientID(name) else { return false }
        var stored = StoredSession()
        if leftovers.contains(ClientDigest.of(client)) {
            guard let loaded = try? store.load(client, now: wallClock) else { return false }
            stored = loaded
            leftovers.remove(ClientDigest.of(client))
        }
        if stored.messages.count > 1, strikes(.restoresInAnotherOrder) { stored.messages.reverse() }
        var messages = stored.messages.map { $0.message(now: now, wallClock: wallClock) }
        var epoch = Epoch(random.next())
        if let last = lastEpochs[name], !messages.isEmpty, strikes(.keepsTheEpochAfterACrash) { epoch = last }
        lastEpochs[name] = epoch
        if messages.count > 1, strikes(.skipsAppend) { messages.removeFirst() }
        sessions[name] = Served(
            session: Session(epoch: epoch, now: now, restored: messages), life: nextLife,
            inherited: stored.messages.map(\.place))
        nextLife += 1
        let waiting = Set(stored.messages.map(\.place.life))
        for life in stored.lives where !waiting.contains(life) {
            put(StoreRelease(life: life, before: .max, ends: true))
        }
        return true
    }

    // MARK: - Publishing

    enum Acceptance {
        case accepted, storing, refused
    }

    /// Takes a message and gives it its place.
    mutating func accept(_ publisher: Int, _ sent: Publisher.Sent) -> Acceptance {
        let key = publishers[publisher].name + "\n" + sent.id
        switch answers[key] {
        case .answered: return .accepted
        case .storing: return .storing
        case nil: break
        }
        let name = devices[sent.to].name
        if sent.isDurable {
            guard !isRefusing, begin(name) else { return .refused }
        } else if sessions[name] == nil {
            // Nothing waits for a client that nobody knows.
            return .accepted
        }
        let message = Self.message(sent, now: now)
        if strikes(.skipsAppend) {
            answers[key] = .answered
            return .accepted
        }
        guard var served = sessions[name] else { return .refused }
        let result = served.session.append(message, limits: limits, now: now, wakes: &wakes)
        sessions[name] = served
        collectWakes()
        note("append \(name) \(sent.id) -> \(result)")
        let sequence: Int
        switch result {
        case .delivered(let place, _), .queued(let place): sequence = place
        case .full: return .refused
        }
        guard sent.isDurable else {
            answers[key] = .answered
            return .accepted
        }
        guard let client = ClientID(name) else { return .refused }
        let timeToLive = sent.timeToLive ?? limits.offlineAge
        let expiresAt = Timestamp(milliseconds: wallClock.milliseconds + timeToLive.milliseconds)
        let write = StoreWrite(
            message: message, acceptedAt: wallClock, expiresAt: expiresAt,
            deliveries: [.init(client: client, place: StorePlace(life: served.life, sequence: sequence))],
            answer: RememberedAnswer(
                sender: publishers[publisher].name, messageID: sent.id, at: wallClock,
                until: Timestamp(milliseconds: wallClock.milliseconds + 300_000_000), body: []))
        queue.append(
            Pending(
                write: write, device: sent.to, life: served.life, sequence: sequence, publisher: publisher, id: sent.id)
        )
        answers[key] = .storing
        if strikes(.answersBeforeTheCommit) {
            answered(publisher, sent.id, .accepted)
        }
        return .storing
    }

    private static func message(_ sent: Publisher.Sent, now: Instant) -> Message {
        let start = #""id":""#
        let tail = ByteBuffer(string: start + sent.id + #""}"#)
        return Message(
            tail: tail, idOffset: start.utf8.count, idLength: sent.id.utf8.count, topic: nil, event: nil,
            priority: sent.priority, isDurable: sent.isDurable, key: sent.key, acceptedAt: now,
            expiresAt: sent.timeToLive.map { now + $0 } ?? .distantFuture)
    }

    // MARK: - Storing

    /// The writer commits a batch.
    mutating func commit() {
        if isRefusing {
            guard (try? store.probe()) != nil else { return }
            isRefusing = false
        }
        let batch = Array(queue.prefix(1 + random.below(8)))
        let done = Array(releases.values)
        guard !batch.isEmpty || !done.isEmpty else { return }
        releases = [:]
        do {
            try store.commit(StoreBatch(writes: batch.map(\.write), releases: done))
            queue.removeFirst(batch.count)
            for pending in batch {
                answers[publishers[pending.publisher].name + "\n" + pending.id] = .answered
                answered(pending.publisher, pending.id, .accepted)
            }
        } catch {
            for release in done { put(release) }
            let all = queue
            queue = []
            isRefusing = true
            for pending in all {
                if sessions[devices[pending.device].name]?.life == pending.life {
                    sessions[devices[pending.device].name]?.session.withdraw(pending.sequence)
                }
                answers[publishers[pending.publisher].name + "\n" + pending.id] = nil
                // Who was connected may have got it.
                answered(pending.publisher, pending.id, .none)
            }
        }
    }

    mutating func put(_ release: StoreRelease) {
        var present = releases[release.life] ?? release
        present.before = max(present.before, release.before)
        present.ends = present.ends || release.ends
        releases[release.life] = present
    }

    /// Deletes what is done of one client.
    mutating func release(_ name: String, ends: Bool = false) {
        guard var served = sessions[name] else { return }
        let end = served.session.durableEnd
        var done = served.session.takeReleasable(limits: limits) ?? end..<end
        if strikes(.deletesTooEarly) { done = 0..<served.session.nextSequence }
        sessions[name] = served
        guard !done.isEmpty || ends && end > 0 else { return }
        for release in StoreRelease.of(done, life: served.life, inherited: served.inherited, ends: ends) {
            put(release)
        }
    }

    mutating func sweep() {
        for name in sessions.keys.sorted() {
            let isOver = sessions[name]?.session.expire(now: now, limits: limits) ?? false
            release(name, ends: isOver)
            guard isOver else { continue }
            _ = sessions[name]?.session.forget()
            sessions[name] = nil
        }
        _ = try? store.maintain(now: wallClock)
    }

    mutating func breakStore(_ isBroken: Bool) {
        isStoreBroken = isBroken
        store.fail(with: isBroken ? StoreError(.failing, "on purpose") : nil)
    }

    // MARK: - The end of the process

    /// Nothing is left but the store, which may have a batch more than anybody was told.
    mutating func crash() {
        if !queue.isEmpty, random.oneIn(2) {
            try? store.commit(StoreBatch(writes: queue.prefix(1 + random.below(queue.count)).map(\.write)))
        }
        while !wires.isEmpty { cut(0, because: .crash) }
        sessions = [:]
        queue = []
        releases = [:]
        answers = [:]
        sequencers = [:]
        isRefusing = false
        leftovers = []
        crashes += 1
        record(.crash)
        for index in publishers.indices { interrupt(index) }
        // A store that does not work stops the start: somebody has to mend it.
        breakStore(false)
        open()
    }

    // MARK: - Connections

    /// - Returns: where the connection starts; `nil` if the client's session cannot begin.
    mutating func attach(_ request: Session.AttachRequest, to name: String) -> (Session.Attachment, Epoch)? {
        guard begin(name), var served = sessions[name] else { return nil }
        var request = request
        if case .after(let id) = request.resume, id.epoch == served.session.epoch, id.sequence > 0 {
            if strikes(.repeatsAfterResume) { request.resume = .afterSequence(id.sequence - 1) }
            if strikes(.skipsAfterResume) { request.resume = .afterSequence(id.sequence + 1) }
        }
        let attachment = served.session.attach(request, limits: limits, now: now, wakes: &wakes)
        sessions[name] = served
        collectWakes()
        note("attach \(name) \(request.transport.name) \(request.resume) -> \(attachment)")
        return (attachment, served.session.epoch)
    }

    /// Connections that were woken have something to take.
    mutating func collectWakes() {
        let woken = Set(wakes.byLoop[0])
        wakes.removeAll(loop: 0)
        for index in wires.indices where woken.contains(wires[index].id) { wires[index].mustTake = true }
    }

    /// Writes what there is to a connection, or looks whether too much waits for it.
    mutating func take(_ index: Int) {
        let name = devices[wires[index].device].name
        guard var served = sessions[name] else { return }
        let wire = wires[index]
        let isStalled = wire.pipe.count - wire.inKernel >= Wire.room
        var batch: [Session.Delivery] = []
        var notices = Session.Notices()
        wires[index].mustTake = false
        wires[index].heldUntil = nil
        let result = served.session.take(
            wire.id, flushed: wire.flushedBefore, maxMessages: isStalled ? 0 : random.pick([1, 3, 100]),
            maxBytes: isStalled ? 0 : random.pick([300, 65_536]), limits: limits, now: now, into: &batch,
            notices: &notices, wakes: &wakes)
        sessions[name] = served
        let gap = batch.firstIndex { if case .gap = $0.content { true } else { false } }
        if let gap, strikes(.forgetsAGap) { batch.remove(at: gap) }
        wires[index].pipe += batch
        note(
            "take \(name) \(wire.name) flushed \(wire.flushedBefore)\(isStalled ? ", stalled" : "") -> \(batch.map(\.sequence)) \(result)"
        )
        collectWakes()
        switch result {
        // A peer that does not read is looked at again when something has happened.
        case .more: wires[index].mustTake = !isStalled
        case .held(let until): wires[index].heldUntil = until
        case .fellBehind, .unknown: cut(index, because: .gateway)
        case .drained, .standby: break
        }
    }

    /// A connection has gone, for the session.
    mutating func detach(_ wire: Wire) {
        let name = devices[wire.device].name
        sessions[name]?.session.detach(wire.id, flushed: wire.flushedBefore, now: now, wakes: &wakes)
        collectWakes()
    }
}
