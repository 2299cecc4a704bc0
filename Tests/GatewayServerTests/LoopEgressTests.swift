import GatewayCore
import Testing

@testable import GatewayServer

/// Who waits on an event loop until its transport may send again.
struct LoopEgressTests {
    private static let now = Instant.zero + .seconds(100)

    private static func limited() -> LoopEgress {
        var egress = LoopEgress()
        egress.grant([1000, 2000], burst: .milliseconds(0), now: now)
        return egress
    }

    private static func id(_ slot: Int) -> ConnectionID { ConnectionID(loop: 0, slot: slot, generation: 0) }

    @Test func withoutABudgetNothingIsCounted() {
        let egress = LoopEgress()
        #expect(!egress.isLimited && egress.next == nil && egress.figures(.webSocket).sent == 0)
    }

    @Test func aDebtIsOneTransportsOwn() {
        var egress = Self.limited()
        egress.spend(500, by: .webSocket, Self.now)
        #expect(!egress.mayGo(.webSocket, Self.now) && egress.mayGo(.eventStream, Self.now))
        #expect(egress.mayGo(.webSocket, Self.now + .milliseconds(500)))
        #expect(egress.figures(.webSocket).sent == 500)
    }

    @Test func whoComesLaterDoesNotOvertake() {
        var egress = Self.limited()
        egress.spend(500, by: .webSocket, Self.now)
        egress.wait(Self.id(1), .webSocket)
        egress.wait(Self.id(2), .webSocket)
        #expect(egress.next == Self.now + .milliseconds(500))
        #expect(egress.takeFirst(.webSocket, Self.now) == nil)
        let later = Self.now + .milliseconds(500)
        // There is no debt any more, but somebody waits.
        #expect(!egress.mayGo(.webSocket, later))
        #expect(egress.takeFirst(.webSocket, later) == Self.id(1))
        egress.spend(100, by: .webSocket, later)
        egress.wait(Self.id(1), .webSocket)
        #expect(egress.takeFirst(.webSocket, later) == nil)
        let last = later + .milliseconds(100)
        #expect(egress.takeFirst(.webSocket, last) == Self.id(2) && egress.takeFirst(.webSocket, last) == Self.id(1))
        #expect(egress.mayGo(.webSocket, last) && egress.next == nil)
        #expect(egress.figures(.webSocket).heldBack == 3 && !egress.figures(.webSocket).isWaiting)
    }

    @Test func aLongLineKeepsItsOrder() {
        var egress = Self.limited()
        var expected = 0
        for slot in 0..<5000 {
            egress.wait(Self.id(slot), .eventStream)
            guard slot % 2 == 1 else { continue }
            #expect(egress.takeFirst(.eventStream, Self.now) == Self.id(expected))
            expected += 1
        }
        while let id = egress.takeFirst(.eventStream, Self.now) {
            #expect(id == Self.id(expected))
            expected += 1
        }
        #expect(expected == 5000)
    }

    @Test func anotherRateMovesTheEndOfADebt() {
        var egress = Self.limited()
        egress.spend(1000, by: .webSocket, Self.now)
        egress.wait(Self.id(1), .webSocket)
        egress.grant([4000, 2000], burst: .milliseconds(0), now: Self.now)
        #expect(egress.next == Self.now + .milliseconds(250))
    }
}
