import Testing

@testable import GatewayCore

@Suite struct LeasePoolTests {
    private static func opened(_ limits: LeasePool.Limits, now: Instant = .zero) -> (LeasePool, [LeasePool.Lease]) {
        var pool = LeasePool(limits: limits)
        var effects = LeasePool.Effects()
        _ = pool.checkoutBatch(limits.size, now: now, effects: &effects)
        for resource in effects.open { _ = pool.opened(resource, now: now, effects: &effects) }
        return (pool, effects.granted.map(\.lease))
    }

    @Test func theRequirementsDefaults() {
        let limits = LeasePool.Limits()
        #expect(limits.size == 100 && limits.overflow == 50 && limits.strategy == .fifo && limits.queue == nil)
        #expect(limits.checkoutTimeout == .seconds(5) && limits.idleTimeout == .seconds(300))
    }

    @Test func overflowIsClosedWhenNobodyWaits() {
        var (pool, leases) = Self.opened(.init(size: 2, overflow: 1))
        var effects = LeasePool.Effects()
        _ = pool.checkout(now: .zero, effects: &effects)
        #expect(effects.open.count == 1)
        _ = pool.opened(effects.open[0], now: .zero, effects: &effects)
        #expect(effects.granted.count == 1 && pool.health.overflow == 1)
        effects.removeAll()
        pool.checkin(leases[0], now: .zero, effects: &effects)
        #expect(effects.close == [leases[0].resource] && pool.health.overflow == 0)
    }

    @Test func aQueueOfNoneRefusesAtOnce() {
        var (pool, _) = Self.opened(.init(size: 2, overflow: 0, queue: 0))
        var effects = LeasePool.Effects()
        #expect(pool.checkout(now: .zero, effects: &effects) == .refused(.queueFull))
    }

    @Test func healthAsTheRequirementsShowIt() {
        var (pool, _) = Self.opened(.init(size: 2, overflow: 1))
        var effects = LeasePool.Effects()
        #expect(pool.health.status == .healthy)
        _ = pool.checkout(now: .zero, effects: &effects)
        #expect(pool.health.status == .degraded && pool.health.queueLength == 1)
        let overflow = effects.open[0]
        _ = pool.opened(overflow, now: .zero + .milliseconds(12), effects: &effects)
        #expect(pool.health.averageCheckoutTime == .milliseconds(6))
        _ = pool.checkout(now: .zero, effects: &effects)
        #expect(pool.health.status == .exhausted && pool.health.available == 0 && pool.health.overflow == 1)
    }

    @Test func whatOthersWantIsClosedEvenIfSomebodyWaits() {
        var (pool, leases) = Self.opened(.init(size: 3, overflow: 0))
        var effects = LeasePool.Effects()
        pool.checkin(leases[0], now: .zero, effects: &effects)
        #expect(pool.closeIdle(2, now: .zero, effects: &effects) == 1 && effects.close == [leases[0].resource])
        #expect(pool.checkout(now: .zero, effects: &effects) != .refused(.timeout) && effects.open.count == 1)
        pool.closesOnReturn = 1
        effects.removeAll()
        pool.checkin(leases[1], now: .zero, effects: &effects)
        #expect(effects.close == [leases[1].resource] && effects.granted.isEmpty && pool.closesOnReturn == 0)
        pool.checkin(leases[2], now: .zero, effects: &effects)
        #expect(effects.granted.count == 1)
    }

    @Test func nobodyFailsWithWhatIsNotOpenedAfterAll() {
        var (pool, leases) = Self.opened(.init(size: 1, overflow: 1))
        var effects = LeasePool.Effects()
        _ = pool.checkout(now: .zero, effects: &effects)
        let opening = effects.open[0]
        effects.removeAll()
        pool.checkin(leases[0], now: .zero, effects: &effects)
        pool.withdraw(opening)
        #expect(effects.granted.count == 1 && effects.failed.isEmpty && pool.open == 1)
        #expect(!pool.opened(opening, now: .zero, effects: &effects))
    }

    @Test func aForgottenLeaseIsReportedOnce() {
        var (pool, leases) = Self.opened(.init(size: 2, overflow: 0, leaseAge: .seconds(60)))
        var effects = LeasePool.Effects()
        #expect(pool.nextDeadline == .zero + .seconds(60))
        pool.advance(to: .zero + .seconds(60), effects: &effects)
        #expect(effects.overdue == leases)
        effects.removeAll()
        pool.advance(to: .zero + .seconds(600), effects: &effects)
        #expect(effects.isEmpty)
        // It is still good.
        #expect(pool.checkin(leases[0], now: .zero, effects: &effects) == true)
    }

    @Test func closingFailsThoseWhoWaitAndClosesWhatComesBack() {
        var (pool, leases) = Self.opened(.init(size: 2, overflow: 0))
        var effects = LeasePool.Effects()
        guard case .waiting(let ticket) = pool.checkout(now: .zero, effects: &effects) else {
            Issue.record("It should wait")
            return
        }
        pool.close(effects: &effects)
        #expect(effects.failed == [ticket])
        pool.checkin(leases[1], now: .zero, effects: &effects)
        #expect(effects.close == [leases[1].resource])
        #expect(pool.checkout(now: .zero, effects: &effects) == .refused(.closed))
        #expect(pool.open == 1)
    }
}
