import GatewayCore
import TestSupport
import Testing

@testable import GatewayViability

/// Who holds what others miss, and who is spared.
struct MemoryBargainTests {
    private static func settled(
        _ webSocket: Int, _ eventStream: Int, used: Int, budget: Int = 1000
    ) -> (bargain: MemoryBargain, events: [ViableEvent]) {
        var bargain = MemoryBargain(ControlSettings())
        let held = [Transport.webSocket: webSocket, .eventStream: eventStream]
        let events = bargain.settle(held: held, memory: (used, budget), now: .zero)
        return (bargain, events)
    }

    @Test func nobodyIsOverWhileThereIsEnough() {
        let (bargain, events) = Self.settled(600, 10, used: 740)
        #expect(bargain.standings == [.webSocket: .ordinary, .eventStream: .ordinary] && events.isEmpty)
    }

    @Test func whoHoldsWhatOthersMissIsOverAndTheOthersAreSpared() {
        let (bargain, events) = Self.settled(600, 10, used: 810)
        #expect(bargain.standings == [.webSocket: .over, .eventStream: .spared])
        // 750 of 1000 before the step ends, 200 of them everything else's, 10 the other's.
        #expect(bargain.capacity == 550 && bargain.accounts[.webSocket]?.granted == 540)
        #expect(
            events == [
                .loan(
                    Loan(resource: .memory, transport: .webSocket, isCalled: true, amount: 60, time: .seconds(0)))
            ])
    }

    @Test func whatIsNobodysIsBorneByAll() {
        // Everything else fills the memory; both hold less than their floors.
        let (bargain, _) = Self.settled(100, 100, used: 900)
        #expect(bargain.standings == [.webSocket: .ordinary, .eventStream: .ordinary])
    }

    @Test func messagesThatSeveralWaitForAreThereOnce() {
        let (bargain, _) = Self.settled(4000, 4000, used: 500)
        #expect(bargain.accounts[.webSocket]?.used == 250)
    }

    @Test func itsEndIsToldOnce() {
        var (bargain, _) = Self.settled(600, 10, used: 810)
        let held = [Transport.webSocket: 300, .eventStream: 10]
        let ended = bargain.settle(held: held, memory: (500, 1000), now: .zero + .seconds(3))
        #expect(
            ended == [
                .loan(Loan(resource: .memory, transport: .webSocket, isCalled: false, amount: 0, time: .seconds(3)))
            ])
        #expect(bargain.settle(held: nil, memory: (100, 1000), now: .zero + .seconds(4)).isEmpty)
        #expect(bargain.recalls == (1, 1) && bargain.accounts.isEmpty)
    }

    @Test(arguments: 0..<300)
    func grantsFitAndWhoStaysWithinItsFloorIsNeverOver(_ seed: Int) {
        var chance = SeededGenerator(seed)
        let used = Int.random(in: 0...1200, using: &chance)
        let (bargain, _) = Self.settled(
            Int.random(in: 0...1500, using: &chance), Int.random(in: 0...1500, using: &chance), used: used)
        #expect(bargain.accounts.values.reduce(0) { $0 + $1.granted } <= bargain.capacity)
        #expect(bargain.accounts.values.reduce(0) { $0 + $1.used } <= used)
        for account in bargain.accounts.values {
            #expect(!account.isOver || account.used > account.floor)
            #expect(account.granted <= account.asked)
            if used < 750 { #expect(!account.isOver) }
        }
    }
}
