import GatewayCore
import Testing

struct ClientHistoryTests {
    private static func at(_ seconds: Int64) -> Instant { Instant.zero + .seconds(seconds) }

    @Test func `it has 200 bytes at the most`() {
        #expect(MemoryLayout<ClientHistory.Event>.stride == 16)
        // The events, and what an array has beside them.
        #expect(MemoryLayout<ClientHistory.Event>.stride * ClientHistory.capacity + 32 <= 200)
    }

    @Test func `the newest events are kept in order`() {
        var history = ClientHistory()
        for second in 0..<25 {
            history.note(.init(second % 2 == 0 ? .connected : .disconnected, .webSocket, at: Self.at(Int64(second))))
        }
        #expect(history.events.map(\.at) == (15..<25).map { Self.at(Int64($0)) })
    }

    @Test func `what repeats is counted`() {
        var history = ClientHistory()
        for second in 0..<40 { history.note(.init(.rateLimited, .webSocket, value: 1, at: Self.at(Int64(second)))) }
        history.note(.init(.switched, .eventStream, at: Self.at(50)))
        history.note(.init(.switched, .eventStream, at: Self.at(51)))
        history.note(.init(.switched, .webSocket, at: Self.at(52)))
        #expect(history.events.map(\.value) == [40, 0, 0])
        #expect(history.events.map(\.kind) == [.rateLimited, .switched, .switched])
    }

    @Test func `repetitions are counted in a full ring too`() {
        var history = ClientHistory()
        for second in 0..<10 { history.note(.init(.disconnected, .webSocket, at: Self.at(Int64(second)))) }
        for _ in 0..<3 { history.note(.init(.gap, .webSocket, value: 2, at: Self.at(20))) }
        #expect(history.events.count == 10)
        #expect(history.events.last?.value == 6)
    }

    @Test func `a session knows its beginning without keeping it`() {
        var session = Session(epoch: Epoch(1), now: Self.at(0))
        var wakes = WakeSet(loops: 1)
        let first = ConnectionID(loop: 0, slot: 1, generation: 0)
        let limits = SessionLimits()
        _ = session.attach(
            .init(connection: first, transport: .webSocket), limits: limits, now: Self.at(5), wakes: &wakes)
        #expect(session.recentEvents.map(\.kind) == [.connected])
        #expect(session.recentEvents.map(\.at) == [Self.at(5)])
        #expect(!session.hasReconnected(1, since: .zero))

        session.note(.init(.disconnected, .webSocket, at: Self.at(6)))
        session.detach(first, flushed: 0, now: Self.at(6), wakes: &wakes)
        let second = ConnectionID(loop: 0, slot: 2, generation: 0)
        _ = session.attach(
            .init(connection: second, transport: .eventStream), limits: limits, now: Self.at(7), wakes: &wakes)
        #expect(session.recentEvents.map(\.kind) == [.connected, .disconnected, .connected])
        #expect(session.recentEvents.map(\.at) == [5, 6, 7].map { Self.at($0) })
        #expect(session.hasReconnected(2, since: Self.at(5)) && !session.hasReconnected(2, since: Self.at(6)))
        #expect(session.connectionsEver == 2)
    }
}
