import Testing

@testable import GatewayCore

@Suite struct ConcurrencyGateTests {
    private let soon = Instant.zero + .seconds(1)

    private func ticket(_ entry: ConcurrencyGate.Entry) throws -> ConcurrencyGate.Ticket {
        guard case .waiting(let ticket) = entry else { throw NotWaiting() }
        return ticket
    }

    private struct NotWaiting: Error {}

    @Test func whoWaitsComesInOrderAndNobodyOvertakes() throws {
        var gate = ConcurrencyGate(limits: .fixed(1), queue: 10)
        #expect(gate.enter(deadline: soon, now: .zero) == .entered)
        let first = try ticket(gate.enter(deadline: soon, now: .zero))
        let second = try ticket(gate.enter(deadline: soon, now: .zero))
        #expect(gate.next(now: .zero) == nil && gate.queueLength == 2)
        gate.leave(begunAt: .zero, now: .zero + .milliseconds(4), .answered)
        // There is room, but somebody was there before.
        let third = try ticket(gate.enter(deadline: soon, now: .zero))
        for expected in [first, second, third] {
            #expect(gate.next(now: .zero) == expected)
            #expect(gate.next(now: .zero) == nil)
            gate.leave(begunAt: .zero, now: .zero + .milliseconds(4), .answered)
        }
        #expect(gate.limit.inFlight == 0 && gate.queueLength == 0)
        #expect(gate.figures.roundTrip == .milliseconds(4))
    }

    @Test func theQueueHasABoundAndAnEnd() throws {
        var gate = ConcurrencyGate(limits: .fixed(1), queue: 1)
        #expect(gate.enter(deadline: soon, now: .zero) == .entered)
        #expect(gate.enter(deadline: .zero, now: .zero) == .timeout)
        let waiting = try ticket(gate.enter(deadline: soon, now: .zero))
        #expect(gate.enter(deadline: soon, now: .zero) == .queueFull)
        #expect(gate.health.status == .exhausted && gate.health.queueLength == 1)
        #expect(gate.expired(by: .zero) == nil)
        #expect(gate.expired(by: soon) == waiting && gate.expired(by: soon) == nil)
        let other = try ticket(gate.enter(deadline: soon + .seconds(1), now: soon))
        let isOut = gate.withdraw(other)
        let isOutAgain = gate.withdraw(other)
        #expect(isOut && !isOutAgain && gate.health.status == .healthy)
        gate.leave(begunAt: .zero, now: soon, .ignored)
        #expect(gate.next(now: soon) == nil && gate.limit.inFlight == 0)
    }

    @Test func gatesOfOneServerAddUp() {
        var all = ConcurrencyGate.Figures()
        all.add(.init(limit: 10, inFlight: 1, waiting: 0, roundTrip: .milliseconds(10), unloadedRoundTrip: nil))
        all.add(
            .init(limit: 20, inFlight: 1, waiting: 3, roundTrip: .milliseconds(20), unloadedRoundTrip: .milliseconds(5))
        )
        all.add(.init(limit: 5))
        #expect(
            all
                == .init(
                    limit: 35, inFlight: 2, waiting: 3,
                    roundTrip: Instant.Span(nanoseconds: Int64((10e6 * 2 + 20e6 * 2) / 4)),
                    unloadedRoundTrip: .milliseconds(5)))
    }
}
