import GatewayCore
import TestSupport
import Testing

@testable import GatewayViability

/// The bargain for what servers share and the ledger that it grants to, together, as a node has them.
struct ServerBargainTests {
    /// A node with some servers.
    private struct Servers {
        var ledger: ServerLedger
        var bargain: ServerBargain
        var names: [String]
        var now = Instant.zero + .seconds(100)
        let capacity: Int
        var events: [ViableEvent] = []

        init(capacity: Int, _ names: [String], _ settings: ControlSettings = allPromised) {
            self.capacity = capacity
            self.names = names
            ledger = ServerLedger(capacity: capacity)
            bargain = ServerBargain(settings, .processes)
            beat()
        }

        /// Settles, and stops what is called back.
        mutating func beat(stops: Bool = true) {
            now = now + .seconds(1)
            events = bargain.settle(capacity: capacity, ledger.demands(of: names), now: now)
            ledger.grant(bargain.grants)
            guard stops else { return }
            for (server, count) in bargain.recalled { for _ in 0..<count { ledger.leave(server) } }
        }

        mutating func start(_ count: Int, _ server: String) -> Int {
            (0..<count).reduce(0) { sum, _ in sum + (ledger.admit(server) == nil ? 1 : 0) }
        }

        func used(_ server: String) -> Int { ledger.demands(of: names)[server]?.used ?? 0 }

        var used: Int { ledger.demands(of: names).values.reduce(0) { $0 + $1.used } }
    }

    /// All of them are promised to somebody, so that figures are round.
    private static let allPromised = {
        var settings = ControlSettings()
        settings.serverFloors[.processes] = 1
        return settings
    }()

    @Test func aCrowdAtOneServerLeavesRoomForTheOthers() {
        var servers = Servers(capacity: 6, ["a", "b"])
        #expect(servers.start(10, "a") == 4)
        #expect(servers.ledger.admit("a") == .usedUp)
        #expect(servers.start(10, "b") == 2)
        #expect(servers.ledger.admit("b") == .lent(to: "a"))
    }

    @Test func whatIsLentComesBackInTime() throws {
        var servers = Servers(capacity: 40, ["a", "b"])
        #expect(servers.start(100, "a") == 30)
        servers.beat()
        #expect(servers.start(20, "b") == 10)
        servers.beat()
        guard case .loan(let called) = try #require(servers.events.first) else { return #expect(Bool(false)) }
        #expect(called.resource == .processes && called.unit == "upstream/a" && called.isCalled)
        for _ in 0..<11 {
            servers.beat()
            _ = servers.start(1, "b")
        }
        #expect(servers.used("a") == 20 && servers.used("b") == 20)
        servers.beat()
        #expect(servers.bargain.recalls == (1, 1))
    }

    @Test func whatIsBeingStoppedIsNotCalledBackAgain() {
        var ledger = ServerLedger(capacity: 6)
        for _ in 0..<3 { #expect(ledger.admit("a") == nil) }
        ledger.ends("a")
        #expect(ledger.outstanding("a", of: 2) == 1)
        ledger.leave("a", wasEnding: true)
        #expect(ledger.outstanding("a", of: 2) == 2)
    }

    @Test func whoIsRefusedAgainIsCountedOnce() {
        var ledger = ServerLedger(capacity: 1)
        #expect(ledger.admit("a") == nil && ledger.admit("b") == .usedUp && ledger.admit("b", again: true) == .usedUp)
        #expect(ledger.demands(of: ["b"])["b"]?.refused == 1)
        ledger.leave("a")
        #expect(ledger.admit("b", again: true) == nil)
    }

    @Test func eachResourceHasItsFloors() {
        var settings = ControlSettings()
        settings.serverFloors = [.processes: 0.2, .pool: 0.6]
        for (resource, floor) in [(Loan.Resource.processes, 2), (.pool, 6)] {
            var bargain = ServerBargain(settings, resource)
            _ = bargain.settle(capacity: 20, ["a": .init(used: 0), "b": .init(used: 0)], now: .zero)
            #expect(bargain.resource == resource && bargain.accounts.values.allSatisfy { $0.floor == floor })
        }
    }

    @Test func thereIsOneForEachServerWhateverIsLentOrPromised() {
        var settings = ControlSettings()
        settings.serverFloors[.processes] = 0
        settings.lent = 1
        var servers = Servers(capacity: 6, ["a", "b", "c"], settings)
        #expect(servers.start(10, "a") == 4 && servers.start(10, "b") == 1 && servers.start(10, "c") == 1)
    }

    @Test func whereThereAreFewerProcessesThanServersTheFirstTakeThem() {
        var servers = Servers(capacity: 2, ["a", "b", "c"])
        #expect(servers.start(1, "b") == 1 && servers.start(1, "c") == 1 && servers.start(1, "a") == 0)
        #expect(servers.bargain.accounts.values.allSatisfy { $0.floor == 0 })
    }

    @Test func aServerThatIsRemovedKeepsWhatRunsAndHasNoFloor() {
        var servers = Servers(capacity: 6, ["a", "b"])
        #expect(servers.start(2, "a") == 2)
        servers.names = ["b"]
        servers.beat()
        #expect(servers.bargain.accounts["a"]?.floor == 0 && servers.bargain.accounts["b"]?.floor == 6)
        #expect(servers.start(10, "b") == 4)
        servers.ledger.leave("a")
        servers.ledger.leave("a")
        servers.beat()
        servers.beat()
        #expect(servers.bargain.accounts["a"] == nil && servers.start(10, "b") == 2)
    }

    /// Whatever comes and goes: never more run or are granted than may, the first process of each server is there unless it
    /// is on its way back, and what is idle is back in time.
    @Test(arguments: 0..<200)
    func promisesAreKept(_ seed: Int) {
        var chance = SeededGenerator(seed)
        var settings = ControlSettings()
        settings.serverFloors[.processes] = Double.random(in: 0...1, using: &chance)
        settings.lent = Double.random(in: 0...1, using: &chance)
        settings.reclaimTime = .seconds(Int64.random(in: 1...8, using: &chance))
        let names = (0..<Int.random(in: 1...6, using: &chance)).map { "s\($0)" }
        let capacity = Int.random(in: 0...60, using: &chance)
        var servers = Servers(capacity: capacity, names, settings)
        var calledAt: Instant?
        for _ in 0..<60 {
            let server = names.randomElement(using: &chance)!
            if Bool.random(using: &chance) {
                for _ in 0..<Int.random(in: 0...capacity, using: &chance) where servers.used(server) > 0 {
                    servers.ledger.leave(server)
                }
            } else {
                let before = servers.used(server)
                let count = Int.random(in: 0...(capacity + 1), using: &chance)
                let started = servers.start(count, server)
                let isLoan = servers.bargain.accounts.values.contains { $0.borrowed > 0 }
                if !isLoan, before == 0, count > 0, names.count <= capacity { #expect(started > 0) }
            }
            #expect(servers.used <= capacity)
            servers.beat()
            let accounts = servers.bargain.accounts
            #expect(accounts.values.reduce(0) { $0 + $1.granted } <= capacity)
            #expect(accounts.values.reduce(0) { $0 + $1.floor } <= capacity)
            for account in accounts.values { #expect(account.granted >= account.floor - account.lent) }
            for case .loan(let loan) in servers.events { calledAt = loan.isCalled ? servers.now : nil }
            if let called = calledAt, servers.now >= called + settings.reclaimTime {
                let missing = accounts.reduce(0) { sum, one in
                    sum + max(0, min(one.value.granted, one.value.asked) - servers.used(one.key))
                }
                #expect(missing <= capacity - servers.used)
            }
        }
    }
}
