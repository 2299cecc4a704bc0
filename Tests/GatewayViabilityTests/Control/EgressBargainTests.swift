import GatewayCore
import TestSupport
import Testing

@testable import GatewayViability

/// What transports may send: fair, within the budget, and never less than their floor for long.
struct EgressBargainTests {
    typealias Place = EgressBargain.Place

    /// Transports that want to send so much a second from each loop, and send what they may.
    private struct Course {
        var bargain: EgressBargain
        var now = Instant.zero + .seconds(100)
        var counted: [Place: EgressBargain.Demand] = [:]
        var wanted: [Place: Int] = [:]
        var events: [ViableEvent] = []

        init(_ egress: Int, loops: Int = 1, _ change: (inout ControlSettings) -> Void = { _ in }) {
            var settings = ControlSettings()
            settings.egress = egress
            change(&settings)
            bargain = EgressBargain(settings)
            for transport in Transport.allCases {
                for loop in 0..<loops { counted[Place(transport, loop: loop)] = EgressBargain.Demand() }
            }
            _ = bargain.settle(counted, now: now)
        }

        mutating func beat(_ count: Int = 1) {
            for _ in 0..<count {
                now = now + .seconds(1)
                for place in counted.keys {
                    let rate = bargain.rates[place] ?? 0
                    let wanted = wanted[place] ?? 0
                    counted[place]!.sent += min(rate, wanted)
                    counted[place]!.isWaiting = wanted > rate
                    if wanted > rate { counted[place]!.heldBack += 1 }
                }
                events = bargain.settle(counted, now: now)
            }
        }

        func granted(_ transport: Transport) -> Int { bargain.accounts[transport]!.granted }
    }

    @Test func oneAloneGetsAllButWhatIsKeptOfTheOthersFloor() {
        var course = Course(1000)
        course.wanted[Place(.webSocket, loop: 0)] = 5000
        course.beat(4)
        // Of a floor of 250 half is lent.
        #expect(course.granted(.webSocket) == 875 && course.granted(.eventStream) == 125)
        #expect(course.bargain.accounts[.eventStream]?.lent == 125)
        #expect(course.events.isEmpty)
    }

    @Test func whatIsLentIsBackWithTheNextBeatAndToldOnce() throws {
        var course = Course(1000)
        course.wanted[Place(.webSocket, loop: 0)] = 5000
        course.beat(4)
        course.wanted[Place(.eventStream, loop: 0)] = 240
        course.beat()
        #expect(course.granted(.eventStream) == 250 && course.granted(.webSocket) == 750)
        guard case .loan(let loan)? = course.events.first else { throw Missing() }
        #expect(loan.resource == .egress && loan.unit == "websocket" && loan.isCalled && loan.amount == 125)
        course.beat()
        guard case .loan(let end)? = course.events.first else { throw Missing() }
        #expect(!end.isCalled && end.time == .seconds(1))
        course.beat(5)
        #expect(course.events.isEmpty && course.bargain.recalls == (1, 1))
        // It has what it wants, and the other the rest.
        #expect(course.granted(.eventStream) >= 240 && course.granted(.webSocket) >= 690)
    }

    private struct Missing: Error {}

    @Test func twoThatWantAllHaveTheSame() {
        var course = Course(1000)
        for transport in Transport.allCases { course.wanted[Place(transport, loop: 0)] = 5000 }
        course.beat(6)
        #expect(course.granted(.webSocket) == 500 && course.granted(.eventStream) == 500)
    }

    @Test func floorsAreSettings() {
        var course = Course(1000) { $0.floors = [.eventStream: 0.7] }
        for transport in Transport.allCases { course.wanted[Place(transport, loop: 0)] = 5000 }
        course.beat(6)
        #expect(course.granted(.webSocket) == 300 && course.granted(.eventStream) == 700)
    }

    @Test func theLoopThatSendsHasTheGrantAndTheOthersEnoughToBegin() {
        var course = Course(10_000, loops: 4)
        course.wanted[Place(.webSocket, loop: 2)] = 50_000
        course.beat(6)
        let rates = (0..<4).map { course.bargain.rates[Place(.webSocket, loop: $0)]! }
        // Of 8750, a quarter is kept for all of them.
        #expect(rates == [546, 546, 7112, 546])
    }

    @Test func whatIsHeldBackIsCounted() {
        var course = Course(1000)
        course.wanted[Place(.webSocket, loop: 0)] = 5000
        course.beat(3)
        #expect(course.bargain.accounts[.webSocket]?.heldBack == 3)
        #expect(course.bargain.accounts[.eventStream]?.heldBack == 0)
    }

    /// Whatever is wanted: grants and rates fit, no transport is left with less than what is kept of its floor, and whoever
    /// wants its floor from one loop or all has it soon.
    @Test(arguments: 0..<100)
    func promisesAreKept(_ seed: Int) {
        var chance = SeededGenerator(seed)
        let egress = Int.random(in: 1000...10_000_000, using: &chance)
        let loops = Int.random(in: 1...8, using: &chance)
        let floors = Transport.allCases.map { ($0, Double.random(in: 0...0.5, using: &chance)) }
        let lent = Double.random(in: 0...1, using: &chance)
        var course = Course(egress, loops: loops) {
            $0.floors = Dictionary(uniqueKeysWithValues: floors)
            $0.lent = lent
        }
        for _ in 0..<10 {
            for place in course.counted.keys.sorted(by: { ($0.loop, $0.transport) < ($1.loop, $1.transport) }) {
                guard chance.oneIn(2) else { continue }
                course.wanted[place] = chance.oneIn(3) ? 0 : Int.random(in: 0...2 * egress, using: &chance)
            }
            for beat in 0..<12 {
                course.beat()
                let accounts = course.bargain.accounts
                #expect(accounts.values.reduce(0) { $0 + $1.granted } <= egress)
                #expect(course.bargain.rates.values.reduce(0, +) <= egress)
                for (transport, account) in accounts {
                    #expect(account.granted >= account.floor - account.lent)
                    #expect(account.borrowed == max(0, account.used - account.granted))
                    let wanted = (0..<loops).map { course.wanted[Place(transport, loop: $0)] ?? 0 }
                    // What is kept for loops that send nothing they have not.
                    let reachable = account.floor * 3 / 4 - loops
                    guard beat > 8, loops == 1 || wanted.allSatisfy({ $0 > egress }) else { continue }
                    #expect(account.used >= min(wanted.reduce(0, +), reachable))
                }
            }
        }
    }
}
