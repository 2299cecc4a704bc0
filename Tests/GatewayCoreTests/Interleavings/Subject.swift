import Testing

@testable import GatewayCore

/// The session that is examined, or one that is broken on purpose, to see whether the examination notices.
struct Subject {
    /// Ways to be broken. Each strikes now and then.
    enum Fault: String, CaseIterable, Sendable {
        case dropsADelivery, repeatsADelivery, swapsTwoDeliveries, deliversAnotherMessage
        case resumesOneTooEarly, resumesOneTooLate, hidesWhyItStartsElsewhere
        case losesAWake, losesAMessageInSilence, takesOverBehindWhatWasNotFlushed
        case forgetsWhatIsUnderWayAtASwitch
        case hidesAGap, passesWhatIsHeldBack
    }

    var session: Session
    let fault: Fault?
    private var random: SeededGenerator
    /// How often the fault struck.
    private(set) var strikes = 0

    init(epoch: Epoch, now: Instant, fault: Fault?, seed: Int) {
        session = Session(epoch: epoch, now: now)
        self.fault = fault
        random = SeededGenerator(seed &+ 0xFA17)
    }

    private mutating func strikes(_ fault: Fault) -> Bool {
        guard self.fault == fault, random.oneIn(3) else { return false }
        strikes += 1
        return true
    }

    mutating func attach(
        _ request: Session.AttachRequest, limits: SessionLimits, now: Instant, wakes: inout WakeSet
    ) -> Session.Attachment {
        var request = request
        if case .after(let id) = request.resume, id.epoch == session.epoch {
            if strikes(.resumesOneTooEarly) { request.resume = .afterSequence(id.sequence - 1) }
            if strikes(.resumesOneTooLate) { request.resume = .afterSequence(id.sequence + 1) }
        }
        var attachment = session.attach(request, limits: limits, now: now, wakes: &wakes)
        if attachment.reason != nil, strikes(.hidesWhyItStartsElsewhere) { attachment.reason = nil }
        return attachment
    }

    mutating func append(
        _ message: Message, limits: SessionLimits, now: Instant, wakes: inout WakeSet
    ) -> Session.AppendResult {
        if !session.hasConnections, strikes(.losesAMessageInSilence) { return .queued(sequence: session.nextSequence) }
        var own = WakeSet(loops: 1)
        let result = session.append(message, limits: limits, now: now, wakes: &own)
        let woken = own.takeAll()
        if !woken.isEmpty, strikes(.losesAWake) { return result }
        woken.forEach { wakes.insert($0) }
        return result
    }

    mutating func take(
        _ connection: ConnectionID, flushed: Int, maxMessages: Int, maxBytes: Int, limits: SessionLimits, now: Instant,
        into batch: inout [Session.Delivery], notices: inout Session.Notices, wakes: inout WakeSet
    ) -> Session.TakeResult {
        let result = session.take(
            connection, flushed: flushed, maxMessages: maxMessages, maxBytes: maxBytes, limits: limits, now: now,
            into: &batch, notices: &notices, wakes: &wakes)
        let gap = batch.firstIndex { if case .gap = $0.content { true } else { false } }
        if let gap, strikes(.hidesAGap) { batch.remove(at: gap) }
        if case .held = result, let position = session.cursors.first(where: { $0.connection == connection })?.position,
            session.nextSequence > position + 1, strikes(.passesWhatIsHeldBack)
        {
            let last = session.nextSequence - 1
            batch.append(Session.Delivery(sequence: last, content: .message(session.log[last])))
        }
        if let last = batch.last {
            if strikes(.dropsADelivery) { batch.removeLast() }
            if strikes(.repeatsADelivery) { batch.append(last) }
            if strikes(.deliversAnotherMessage) {
                batch[batch.count - 1] = Session.Delivery(
                    sequence: last.sequence, content: .message(.sample("forged")))
            }
            if batch.count > 1, strikes(.swapsTwoDeliveries) { batch.swapAt(0, 1) }
        }
        return result
    }

    mutating func flushed(_ connection: ConnectionID, before sequence: Int, now: Instant, wakes: inout WakeSet) {
        session.flushed(connection, before: sequence, now: now, wakes: &wakes)
    }

    mutating func detach(_ connection: ConnectionID, flushed: Int, now: Instant, wakes: inout WakeSet) {
        let position = session.cursors.first { $0.connection == connection }?.position ?? 0
        if flushed < position, strikes(.takesOverBehindWhatWasNotFlushed) {
            return session.detach(connection, flushed: position, now: now, wakes: &wakes)
        }
        session.detach(connection, flushed: flushed, now: now, wakes: &wakes)
    }

    /// A better transport takes over without waiting for the old one.
    mutating func disturbSwitch(now: Instant, wakes: inout WakeSet) {
        guard session.handover != nil, strikes(.forgetsWhatIsUnderWayAtASwitch) else { return }
        for cursor in session.cursors where cursor.role == .standby && cursor.flushed < cursor.position {
            session.flushed(cursor.connection, before: cursor.position, now: now, wakes: &wakes)
        }
    }
}
