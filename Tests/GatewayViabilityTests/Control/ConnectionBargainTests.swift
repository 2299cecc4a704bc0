import GatewayCore
import TestSupport
import Testing

@testable import GatewayViability

/// The bargain and the ledger that it grants to, together, as a node has them.
struct ConnectionBargainTests {
    /// A node of a hundred places.
    private struct Places {
        var ledger: ConnectionLedger
        var bargain: ConnectionBargain
        var now = Instant.zero + .seconds(100)
        var capacity: Int
        var events: [ViableEvent] = []

        init(capacity: Int = 100, _ settings: ControlSettings = ControlSettings()) {
            self.capacity = capacity
            ledger = ConnectionLedger(capacity: capacity)
            bargain = ConnectionBargain(settings)
            beat()
        }

        /// Settles, and lets go of what is called back.
        mutating func beat() {
            now = now + .seconds(1)
            var demands: [Transport: ConnectionBargain.Demand] = [:]
            for transport in Transport.allCases {
                let (used, admitted, refused) = ledger.demand(transport)
                demands[transport] = .init(used: used, admitted: admitted, refused: refused)
            }
            events = bargain.settle(capacity: capacity, demands, now: now)
            ledger.grant(bargain.grants, of: capacity)
            for (transport, count) in bargain.recalled { for _ in 0..<count { ledger.leave(transport) } }
        }

        /// Whether whoever misses what it is granted finds a place now.
        var isRoomForAll: Bool {
            let missing = bargain.accounts.reduce(0) { sum, account in
                sum + max(0, min(account.value.granted, account.value.asked) - ledger.used(account.key))
            }
            return missing <= capacity - Transport.allCases.reduce(0) { $0 + ledger.used($1) }
        }

        /// - Returns: how many of them were let in.
        mutating func come(_ count: Int, _ transport: Transport) -> Int {
            (0..<count).reduce(0) { sum, _ in sum + (ledger.admit(transport) ? 1 : 0) }
        }
    }

    @Test func aCrowdTakesWhatNobodyNeedsAndLeavesTheRest() {
        var places = Places()
        // A floor of 25, half of which is lent: 13 stay.
        #expect(places.come(1000, .webSocket) == 87)
        #expect(places.come(13, .eventStream) == 13)
        #expect(places.come(1, .eventStream) == 0)
        #expect(places.ledger.isLender(.eventStream) && !places.ledger.isLender(.webSocket))
    }

    /// What is expected is asked for, as far as the floor goes: nobody gives way to more than that by hearsay.
    @Test func whatIsExpectedIsCalledBackBeforeItIsMissed() {
        var bargain = ConnectionBargain(ControlSettings())
        func settle(_ expected: Int, _ second: Int64) -> Int? {
            var streams = ConnectionBargain.Demand(used: 13, admitted: 13)
            streams.expected = expected
            let demands = [Transport.webSocket: .init(used: 87, admitted: 87), .eventStream: streams]
            _ = bargain.settle(capacity: 100, demands, now: .zero + .seconds(second))
            return bargain.accounts[.eventStream]?.asked
        }
        #expect(settle(0, 1) == 13 && bargain.recalls == (0, 0))
        #expect(settle(20, 2) == 20 && bargain.recalls == (1, 0))
        #expect(settle(20, 12) == 20 && bargain.recalled == [.webSocket: 7])
        #expect(settle(90, 13) == 25)
        #expect(settle(0, 14) == 13 && bargain.recalls == (1, 1))
    }

    @Test func withoutFloorsTheFirstTakeAll() {
        var settings = ControlSettings()
        settings.floors = [:]
        var places = Places(settings)
        #expect(places.come(1000, .webSocket) == 100 && places.come(1, .eventStream) == 0)
    }

    @Test func aFloorThatIsNotLentIsThereAtOnce() {
        var settings = ControlSettings()
        settings.lent = 0
        var places = Places(settings)
        #expect(places.come(1000, .webSocket) == 75)
        #expect(places.come(1000, .eventStream) == 25)
    }

    @Test func aLoanIsCalledBackInItsTimeAndNoFasterThanItIsNeeded() throws {
        var places = Places()
        #expect(places.come(1000, .webSocket) == 87)
        places.beat()
        #expect(places.come(30, .eventStream) == 13)
        places.beat()
        guard case .loan(let called) = try #require(places.events.first) else { return #expect(Bool(false)) }
        #expect(called.isCalled && called.unit == "websocket" && called.resource == .connections)
        #expect(called.amount == 87 - 70 && called.time == .seconds(10))
        var inside = 13
        var last = places.ledger.used(.webSocket)
        for _ in 0..<10 {
            places.beat()
            let now = places.ledger.used(.webSocket)
            // A tenth of the loan for each second, not all of it at once.
            #expect(last - now <= 2)
            last = now
            inside += places.come(30 - inside, .eventStream)
        }
        #expect(inside == 30)
        places.beat()
        #expect(places.ledger.used(.webSocket) == 70 && places.bargain.recalls == (1, 1))
    }

    @Test func nothingIsCalledBackWhileThereIsRoom() {
        var places = Places()
        #expect(places.come(40, .webSocket) == 40)
        #expect(places.come(40, .eventStream) == 40)
        for _ in 0..<20 { places.beat() }
        #expect(places.bargain.recalls == (0, 0) && places.bargain.recalled.isEmpty)
    }

    @Test func whoWasRefusedAndDoesNotComeBackIsForgotten() {
        var settings = ControlSettings()
        settings.reclaimTime = .seconds(2)
        var places = Places(settings)
        #expect(places.come(1000, .webSocket) == 87)
        #expect(places.come(60, .eventStream) == 13)
        for _ in 0..<10 { places.beat() }
        #expect(places.bargain.accounts[.eventStream]?.asked == 13)
    }

    @Test func whatIsOneTransportsOwnBoundIsNotKeptForIt() {
        var bargain = ConnectionBargain(ControlSettings())
        _ = bargain.settle(
            capacity: 100, [.webSocket: .init(used: 10, refused: 500), .eventStream: .init(used: 0, limit: 5)],
            now: .zero)
        #expect(bargain.accounts[.eventStream]?.floor == 5)
        #expect(bargain.grants[.webSocket]?.places == 97)
    }

    /// Whatever comes and goes: there are never more than fit, grants fit, whoever stays within its floor and was not lent out
    /// gets in, and what is called back is back in time.
    @Test(arguments: 0..<200)
    func promisesAreKept(_ seed: Int) {
        var chance = SeededGenerator(seed)
        var settings = ControlSettings()
        settings.floors = [
            .webSocket: Double.random(in: 0...0.5, using: &chance),
            .eventStream: Double.random(in: 0...0.5, using: &chance),
        ]
        settings.lent = Double.random(in: 0...1, using: &chance)
        settings.reclaimTime = .seconds(Int64.random(in: 1...8, using: &chance))
        let capacity = Int.random(in: 10...500, using: &chance)
        var places = Places(capacity: capacity, settings)
        var calledAt: Instant?
        for _ in 0..<60 {
            let transport = Transport.allCases.randomElement(using: &chance)!
            if Bool.random(using: &chance) {
                for _ in 0..<Int.random(in: 0...capacity, using: &chance) where places.ledger.used(transport) > 0 {
                    places.ledger.leave(transport)
                }
            } else {
                let before = places.ledger.used(transport)
                let kept = places.bargain.accounts[transport]!
                let count = Int.random(in: 0...capacity, using: &chance)
                let admitted = places.come(count, transport)
                // Without a loan under way, what is granted is there.
                if places.bargain.accounts.values.allSatisfy({ $0.borrowed == 0 }), before <= kept.granted {
                    #expect(admitted >= min(count, kept.granted - before - kept.lent))
                }
            }
            #expect(Transport.allCases.reduce(0) { $0 + places.ledger.used($1) } <= capacity)
            places.beat()
            #expect(places.bargain.grants.values.reduce(0) { $0 + $1.places } <= capacity)
            for account in places.bargain.accounts.values { #expect(account.granted >= account.floor - account.lent) }
            for case .loan(let loan) in places.events { calledAt = loan.isCalled ? places.now : nil }
            if let called = calledAt, places.now >= called + settings.reclaimTime { #expect(places.isRoomForAll) }
        }
    }
}
