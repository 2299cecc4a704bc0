import Testing

@testable import GatewayCore

/// What a session says of messages that are stored for it (contract §6.4, §12 "When a durable message is done").
@Suite struct StorageTests {
    private var limits = SessionLimits()
    private let connection = ConnectionID(slot: 1)

    private func append(_ session: inout Session, _ count: Int, isDurable: Bool = true) {
        var wakes = WakeSet(loops: 1)
        for number in 0..<count {
            _ = session.append(
                .sample("\(number)", isDurable: isDurable), limits: limits, now: .zero, wakes: &wakes)
        }
    }

    @Test func `what is acknowledged is released once`() {
        var wakes = WakeSet(loops: 1)
        var session = Session(epoch: Epoch(1), now: .zero)
        append(&session, 5)
        let released1 = session.takeReleasable(limits: limits)
        #expect(released1 == nil)
        session.acknowledge(through: 2, on: nil, wakes: &wakes)
        let released2 = session.takeReleasable(limits: limits)
        #expect(released2 == 0..<3)
        let released3 = session.takeReleasable(limits: limits)
        #expect(released3 == nil)
        session.acknowledge(through: 4, on: nil, wakes: &wakes)
        let released4 = session.takeReleasable(limits: limits)
        #expect(released4 == 3..<5)
    }

    @Test func `messages that are not durable release nothing`() {
        var wakes = WakeSet(loops: 1)
        var session = Session(epoch: Epoch(1), now: .zero)
        append(&session, 5, isDurable: false)
        session.acknowledge(through: 4, on: nil, wakes: &wakes)
        let released5 = session.takeReleasable(limits: limits)
        #expect(released5 == nil)
        append(&session, 1)
        append(&session, 3, isDurable: false)
        session.acknowledge(through: 8, on: nil, wakes: &wakes)
        let released6 = session.takeReleasable(limits: limits)
        #expect(released6 == 0..<6)
    }

    @Test func `everything is released when the log has ended`() {
        var session = Session(epoch: Epoch(1), now: .zero)
        append(&session, 3)
        let isOver = session.expire(now: .zero + .seconds(90_000), limits: limits)
        #expect(isOver)
        let released7 = session.takeReleasable(limits: limits)
        #expect(released7 == 0..<3)
    }

    @Test func `a log begins with what was left, and goes on behind it`() {
        var session = Session(
            epoch: Epoch(1), now: .zero, restored: [.sample("a", isDurable: true), .sample("b", isDurable: true)])
        #expect(session.nextSequence == 2)
        append(&session, 1)
        var wakes = WakeSet(loops: 1)
        let attachment = session.attach(
            Session.AttachRequest(connection: connection, transport: .webSocket), limits: limits, now: .zero,
            wakes: &wakes)
        #expect(attachment.reason == .new)
        #expect(attachment.replayed == 3)
        session.acknowledge(through: 0, on: connection, wakes: &wakes)
        let released8 = session.takeReleasable(limits: limits)
        #expect(released8 == 0..<1)
    }

    @Test func `a bare number that comes first after a crash is of another log`() {
        var session = Session(epoch: Epoch(1), now: .zero, restored: [.sample("a", isDurable: true)])
        append(&session, 3)
        var request = Session.AttachRequest(connection: connection, transport: .webSocket)
        request.resume = .afterSequence(1)
        var wakes = WakeSet(loops: 1)
        let attachment = session.attach(request, limits: limits, now: .zero, wakes: &wakes)
        #expect(attachment.reason == .epoch)
        #expect(attachment.replayed == 4)
        let released9 = session.takeReleasable(limits: limits)
        #expect(released9 == nil)
    }

    @Test func `what could not be stored leaves a hole that is told`() {
        var session = Session(epoch: Epoch(1), now: .zero)
        append(&session, 3)
        session.withdraw(1)
        session.withdraw(7)
        var wakes = WakeSet(loops: 1)
        _ = session.attach(
            Session.AttachRequest(connection: connection, transport: .webSocket), limits: limits, now: .zero,
            wakes: &wakes)
        var batch: [Session.Delivery] = []
        var notices = Session.Notices()
        _ = session.take(
            connection, flushed: 0, maxMessages: 10, maxBytes: 10_000, limits: limits, now: .zero, into: &batch,
            notices: &notices, wakes: &wakes)
        let holes = batch.map { delivery -> GapReason? in
            if case .gap(_, let reason) = delivery.content { reason } else { nil }
        }
        #expect(holes == [nil, .notStored, nil])
    }
}
