import GatewayViability
import Synchronization
import Testing

@testable import GatewayServer

struct ServerShareTests {
    /// Counts how often it was woken.
    private final class Sleeper: Sendable {
        let woken = Atomic<Int>(0)

        func waiter(_ id: Int) -> ServerShare.Waiter {
            ServerShare.Waiter(id) { self.woken.add(1, ordering: .relaxed) }
        }

        var count: Int { woken.load(ordering: .relaxed) }
    }

    @Test func connectionsAreBoundedWhoeverSharesThem() {
        let share = ServerShare.connections(capacity: 2)
        #expect(share.admit("a") == .admitted && share.admit("b") == .admitted && share.admit("a") == .usedUp)
        share.left("b")
        #expect(share.admit("a", again: true) == .admitted)
    }

    @Test func processesAreSharedOnceSomebodyDoes() {
        let share = ServerShare.processes(capacity: 1)
        #expect(share.admit("a") == .unshared && share.admit("a") == .unshared)
        share.begin()
        #expect(share.admit("a") == .admitted && share.admit("a") == .usedUp)
    }

    @Test func whoWasRefusedIsWokenWhenThereMayBeAPlace() {
        let share = ServerShare.connections(capacity: 1)
        let one = Sleeper()
        let other = Sleeper()
        #expect(share.admit("a", waiter: one.waiter(1)) == .admitted)
        share.left("a")
        #expect(one.count == 0, "it was not refused")
        _ = share.admit("a")
        #expect(share.admit("b") == .usedUp && !share.isShort, "nobody waits")
        for _ in 0..<3 { #expect(share.admit("b", waiter: one.waiter(1)) == .usedUp) }
        _ = share.admit("b", waiter: other.waiter(2))
        #expect(share.isShort)
        share.left("a")
        #expect(one.count == 1 && other.count == 1 && !share.isShort)
        _ = share.grant([:], recalled: [:])
        #expect(one.count == 1, "it does not wait any more")
        _ = share.admit("a")
        _ = share.admit("b", again: true, waiter: one.waiter(1))
        _ = share.admit("b", again: true, waiter: other.waiter(2))
        share.stopWaiting(2)
        _ = share.grant(["b": PlaceGrant(places: 1, floor: 1)], recalled: [:])
        #expect(one.count == 2 && other.count == 1)
    }

    @Test func whatIsLentNamesTheBorrower() {
        let share = ServerShare.connections(capacity: 2)
        _ = share.admit("a")
        _ = share.admit("a")
        #expect(share.grant(["b": PlaceGrant(places: 1, floor: 1)], recalled: ["a": 1]) == ["a": 1])
        #expect(share.admit("b") == .lent(to: "a"))
    }
}
