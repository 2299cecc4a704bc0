extension Session {
    /// How far one turn of a connection may go.
    struct Quota {
        /// Messages at the most.
        var messages: Int
        /// Nothing from this sequence on.
        var end: Int
        /// Whether what is neither durable nor `high` is skipped.
        var skipsUncritical = false
        /// When to come again, if this quota and not the caller's limit ends the turn.
        var heldUntil: Instant?
    }

    // MARK: - Acknowledgements that do not come

    /// Messages that a connection was given and its client has not acknowledged.
    private func pending(_ index: Int) -> Int {
        max(0, cursors[index].position - max(acknowledged, cursors[index].start))
    }

    /// Bounds a turn by what the ladder permits.
    mutating func climb(
        _ index: Int, _ quota: inout Quota, _ notices: inout Notices, limits: SessionLimits, now: Instant
    ) {
        let pending = pending(index)
        switch cursors[index].ladder?.permit(pending: pending, limits: limits.backpressure, now: now) {
        case .messages(let count):
            quota.messages = min(quota.messages, count)
            // At once: the ladder has to be asked again.
            quota.heldUntil = cursors[index].ladder?.holdsBack == true ? now : nil
        case .critical:
            // Order is kept: what is durable goes along in front of what is urgent, the rest makes way for it. If
            // nothing urgent waits, everything else waits too.
            quota.end = max(cursors[index].position, lastCritical + 1)
            quota.skipsUncritical = true
            quota.heldUntil = .distantFuture
        case .bundle(let count):
            quota.messages = min(quota.messages, count)
            notices.isBundle = true
            quota.heldUntil = now + limits.backpressure.bundleInterval
        case .wait(let until):
            quota.messages = 0
            quota.end = cursors[index].position
            quota.heldUntil = until
        case nil: break
        }
    }

    /// Wakes the connections that wait for acknowledgements: some have come.
    mutating func releaseHeld(wakes: inout WakeSet) {
        for index in cursors.indices {
            guard cursors[index].ladder != nil else { continue }
            cursors[index].ladder?.acknowledged(before: acknowledged)
            guard cursors[index].delivers, cursors[index].ladder?.holdsBack == true, !cursors[index].wakeRequested
            else {
                continue
            }
            cursors[index].wakeRequested = true
            wakes.insert(cursors[index].connection)
        }
    }

    /// The rung on which the client's slowest connection stands.
    public var backpressure: BackpressureLadder.Level {
        let levels = cursors.compactMap { $0.ladder?.level }
        return [.criticalOnly, .halfRate, .bundled].first { levels.contains($0) } ?? .normal
    }

    // MARK: - Peers that do not read

    /// Whether every connection in charge would rather lose messages than be closed.
    var dropsForSlowReaders: Bool {
        !cursors.isEmpty && cursors.allSatisfy { !$0.delivers || $0.policy.drops }
    }

    /// Counts a new message for a connection.
    mutating func notePending(_ index: Int, _ message: Message, _ sequence: Int) {
        guard cursors[index].backlog != nil else { return cursors[index].pendingBytes += message.cost }
        if cursors[index].policy == .criticalOnly, message.priority != .high { return }
        cursors[index].pendingBytes += message.cost
        guard cursors[index].policy == .conflate,
            let replaced = cursors[index].backlog?.add(message, sequence),
            replaced >= max(cursors[index].position, log.oldest)
        else { return }
        cursors[index].pendingBytes = max(0, cursors[index].pendingBytes - log[replaced].cost)
    }

    /// Frees the oldest message.
    mutating func removeOldest() {
        let sequence = log.oldest
        guard let message = log.first else { return }
        for index in cursors.indices where cursors[index].position <= sequence && keeps(index, message, sequence) {
            cursors[index].pendingBytes = max(0, cursors[index].pendingBytes - message.cost)
        }
        log.removeFirst()
    }

    private func keeps(_ index: Int, _ message: Message, _ sequence: Int) -> Bool {
        cursors[index].backlog?.keeps(message, sequence, policy: cursors[index].policy) ?? true
    }

    /// Leaves out what is before `sequence`; the connection is told before the next message.
    mutating func skip(_ index: Int, to sequence: Int, _ reason: GapReason) {
        guard cursors[index].position < sequence else { return }
        if cursors[index].gap == nil { cursors[index].gap = (cursors[index].position, reason) }
        cursors[index].position = sequence
    }

    /// Brings what waits for a connection that does not read back within its bound, as its policy says.
    /// - Returns: `false` if the connection has to be closed.
    mutating func relieve(_ index: Int, limits: SessionLimits) -> Bool {
        guard cursors[index].pendingBytes > limits.maxUnsentBytes else { return true }
        switch cursors[index].policy {
        case .disconnect: return false
        case .dropOldest: dropOldest(index, limits: limits)
        case .criticalOnly:
            beginBacklog(index)
            // What is urgent is not dropped: if even that is too much, the client has to resume.
            return cursors[index].pendingBytes <= limits.maxUnsentBytes
        case .conflate:
            beginBacklog(index)
            if cursors[index].pendingBytes > limits.maxUnsentBytes { dropOldest(index, limits: limits) }
        }
        return true
    }

    /// Looks once through what waits; from here on each message is looked at when it comes.
    private mutating func beginBacklog(_ index: Int) {
        guard cursors[index].backlog == nil else { return }
        cursors[index].backlog = Backlog()
        cursors[index].pendingBytes = 0
        for sequence in cursors[index].position..<log.next { notePending(index, log[sequence], sequence) }
    }

    /// Skips messages until a quarter of the bound is free, so that this is not done again for the next message.
    private mutating func dropOldest(_ index: Int, limits: SessionLimits) {
        let target = limits.maxUnsentBytes / 4 * 3
        while cursors[index].position < log.next, cursors[index].pendingBytes > target {
            let position = cursors[index].position
            if keeps(index, log[position], position) {
                cursors[index].pendingBytes = max(0, cursors[index].pendingBytes - log[position].cost)
            }
            skip(index, to: position + 1, .slowConsumer)
        }
    }

    // MARK: - Moving on

    /// Hands out messages, and tells of what is skipped between them.
    /// - Returns: the number of messages.
    mutating func advance(
        _ index: Int, _ quota: Quota, maxBytes: Int, now: Instant, into batch: inout [Delivery]
    ) -> Int {
        var bytes = 0
        var taken = 0
        var position = cursors[index].position
        let mayDrop = cursors[index].backlog != nil || quota.skipsUncritical || cursors[index].gap != nil
        while position < quota.end, taken < quota.messages, taken == 0 || bytes < maxBytes {
            let message = log[position]
            if mayDrop {
                if !keeps(index, message, position) {
                    skip(index, to: position + 1, .slowConsumer)
                    position += 1
                    continue
                }
                if quota.skipsUncritical, message.priority != .high, !message.isDurable {
                    cursors[index].pendingBytes -= message.cost
                    skip(index, to: position + 1, .backpressure)
                    position += 1
                    continue
                }
                tellGap(index, before: position, into: &batch)
            }
            let content: Delivery.Content =
                message.expiresAt <= now ? .gap(from: position, message.holeReason ?? .expired) : .message(message)
            batch.append(Delivery(sequence: position, content: content))
            bytes += message.cost
            taken += 1
            position += 1
            cursors[index].position = position
        }
        tellGap(index, before: position, into: &batch)
        cursors[index].floor = position
        cursors[index].pendingBytes = max(0, cursors[index].pendingBytes - bytes)
        return taken
    }

    private mutating func tellGap(_ index: Int, before position: Int, into batch: inout [Delivery]) {
        guard let gap = cursors[index].gap else { return }
        cursors[index].gap = nil
        cursors[index].hasHoles = true
        batch.append(Delivery(sequence: position - 1, content: .gap(from: gap.from, gap.reason)))
    }
}
