import GatewayCore
import WireJSON

/// The way from the session's log to the peer: what may go out is taken and written, and what the peer is too slow for
/// is bounded.
extension ConnectionEngine {
    /// Takes what waits in the session and writes it.
    /// - Parameters:
    ///   - messages: at the most.
    ///   - bytes: nothing more is taken once there are as many.
    /// - Returns: whether there is more.
    final func drain(messages: Int = .max, bytes: Int = .max) -> Bool {
        if hasWaitingFrames { takeWaitingFrames() }
        writeWaiting(isStalled: false)
        guard let handle, verdict == .open else { return false }
        if !presences.isEmpty { writePresence() }
        if let viabilitySeen { writeViability(since: viabilitySeen) }
        var notices = Session.Notices()
        let own = batchLimits
        let result = take(
            handle, BatchLimits(messages: min(messages, own.messages), bytes: min(bytes, own.bytes)), &notices)
        if let notice = notices.transportSwitch {
            write(notice)
            let event = ClientHistory.Event(.switched, notice.to, at: loop.now)
            handle.session.withLock { $0.note(event) }
            if gateway.observers.isUsed { gateway.observers.switched(notice, handle.clientID) }
        }
        if !loop.batch.isEmpty { writeBatch(asBundle: notices.isBundle) }
        for alert in notices.alerts { write(event: "error", data: alert, sequence: takenBefore - 1) }
        if notices.isBackedUp { probe() }
        heldUntil = .distantFuture
        switch result {
        case .held(let until):
            heldUntil = until
            if until < .distantFuture, let member = loop.member(id) { loop.schedule(member, at: until) }
        case .more: return true
        case .fellBehind(let from, let to): fellBehind(from: from, to: to)
        case .unknown: fellBehind(from: takenBefore, to: takenBefore)
        case .drained, .standby: break
        }
        return false
    }

    /// Whether what was held back may go on now.
    final var isDue: Bool { loop.now >= heldUntil }

    /// There is something to take, but the peer does not read: make sure that not too much waits.
    final func stalled() {
        writeWaiting(isStalled: true)
        bound()
    }

    /// There is something to take, but the transport has sent all that it may: what is none of the session's messages
    /// goes on, and not too much may wait.
    /// - Returns: whether there is something that waits.
    final func heldBack() -> Bool {
        if hasWaitingFrames { takeWaitingFrames() }
        writeWaiting(isStalled: false)
        return bound() || verdict == .open && (!presences.isEmpty || viabilitySeen != nil)
    }

    /// Ends the connection if too much waits for it.
    /// - Returns: whether anything does.
    @discardableResult
    private func bound() -> Bool {
        guard let handle, verdict == .open else { return false }
        var notices = Session.Notices()
        let result = take(handle, BatchLimits(messages: 0, bytes: 0), &notices)
        if let notice = notices.transportSwitch { write(notice) }
        switch result {
        case .fellBehind(let from, let to): fellBehind(from: from, to: to)
        // Another transport has taken over because this connection did not read.
        case .unknown: fellBehind(from: takenBefore, to: takenBefore)
        case .more, .held: return true
        case .drained, .standby: break
        }
        return false
    }

    /// The bounds of the session.
    private var limits: SessionLimits {
        handle === gateway.operations.handle ? gateway.operations.limits : gateway.sessionLimits(transport)
    }

    private func take(
        _ handle: SessionHandle, _ batch: BatchLimits, _ notices: inout Session.Notices
    ) -> Session.TakeResult {
        loop.batch.removeAll(keepingCapacity: true)
        let now = loop.now
        let limits = limits
        return handle.session.withLock {
            $0.take(
                id, flushed: flushedBefore, maxMessages: batch.messages, maxBytes: batch.bytes, limits: limits,
                now: now, into: &loop.batch, notices: &notices, wakes: &loop.context.wakes)
        }
    }

    private func writeBatch(asBundle isBundle: Bool) {
        let now = loop.now
        // A connection may have been set back to an earlier place: nothing of what it is given now has been sent.
        if let first = loop.batch.first { flushedBefore = min(flushedBefore, first.sequence) }
        let before = loop.outbound.count
        var latency: Int64 = 0
        var messages = 0
        var missing = 0
        let isBundled = isBundle && writeBundle(loop.batch)
        let isWatched = gateway.watched.contains(.messages)
        for delivery in loop.batch {
            switch delivery.content {
            case .message(let message):
                if !isBundled { write(shown(message, delivery.sequence), sequence: delivery.sequence) }
                // Waiting for an absent client is no latency of the gateway.
                let span = now - max(message.acceptedAt, attachedAt)
                latency &+= span.nanoseconds
                loop.counters[Int(transport.rawValue)].latencies.add(span)
                messages += 1
                if isWatched || message.trace != nil {
                    gateway.observeDelivery(
                        message, sequence: delivery.sequence, to: clientName, by: transport, loop)
                }
            case .gap(let from, let reason):
                if !isBundled { writeGap(from: from, to: delivery.sequence, reason: reason.rawValue) }
                let count = delivery.sequence - from + 1
                loop.counters[Int(transport.rawValue)].missed(count, reason)
                if reason != .expired { missing += count }
            }
            takenBefore = delivery.sequence + 1
        }
        loop.counters[Int(transport.rawValue)].sent(
            messages, bytes: loop.outbound.count - before, latency: .init(nanoseconds: latency), now: now)
        if gateway.observers.isUsed { traceDelivery(messages, bytes: loop.outbound.count - before, missing: missing) }
        if missing > 0 {
            loop.counters[Int(transport.rawValue)].messagesDropped += missing
            note(.gap, value: missing)
        }
        loop.batch.removeAll(keepingCapacity: true)
    }

    /// A message as this connection is sent it.
    final func shown(_ message: Message, _ sequence: Int) -> Message {
        guard isSealed, let encryption = gateway.settings.encryption, let client = handle?.clientID.text else {
            return message
        }
        let sealer = sealer ?? MessageSealer(encryption, client: client)
        self.sealer = sealer
        return sealer.seal(message, epoch: epochText.text, sequence: sequence)
    }

    private func write(_ notice: TransportSwitch) {
        gateway.switches.note(isBetter: notice.to < notice.from)
        let data = JSONWriter.object { writer in
            writer.member("from", notice.from.name)
            writer.member("to", notice.to.name)
            writer.member("reason", notice.reason.rawValue)
        }
        write(event: "transport_switched", data: data, sequence: takenBefore - 1)
    }

    /// Looks after the cursor now and then: reports what has been sent, and hurries a switch that does not come about.
    /// - Returns: whether the connection stands by.
    @discardableResult
    final func tend() -> Bool {
        guard let handle else { return false }
        let now = loop.now
        let (isStandingBy, returnsAt) = handle.session.withLock { session in
            session.flushed(id, before: flushedBefore, now: now, wakes: &loop.context.wakes)
            session.hurryHandover(now: now, wakes: &loop.context.wakes)
            session.goBack(now: now, wakes: &loop.context.wakes) { gateway.admitsReturn(now: now) }
            return (session.isStandingBy(id), session.returnsAt)
        }
        if let returnsAt, let member = loop.member(id) {
            loop.schedule(member, at: max(returnsAt, now + LoopState.tick))
        }
        return isStandingBy
    }
}
