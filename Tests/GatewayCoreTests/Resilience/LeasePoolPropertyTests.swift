import Testing

@testable import GatewayCore

/// Random checkouts, batches, cancellations, failures, losses and pauses against a model that keeps everything in plain
/// lists. Whatever happens, no lease is doubled or lost, nobody overtakes, and the bound holds.
@Suite struct LeasePoolPropertyTests {
    @Test(arguments: 0..<300)
    func agreesWithTheModel(seed: Int) {
        var run = PoolRun(seed: seed)
        for _ in 0..<400 { run.step() }
        run.finish()
    }
}

private struct PoolRun {
    struct Waiter {
        var ticket: LeasePool.Ticket
        var count: Int
        var deadline: Instant
    }

    var random: SeededGenerator
    var pool: LeasePool
    var effects = LeasePool.Effects()
    var now = Instant.zero + .seconds(1)

    /// What is being opened, open and idle with the time since when, or lent.
    var opening: [LeasePool.ResourceID] = []
    var idle: [(resource: LeasePool.ResourceID, since: Instant)] = []
    var leased: [(lease: LeasePool.Lease, since: Instant)] = []
    var lost: Set<LeasePool.ResourceID> = []
    var overdue: Set<LeasePool.Lease> = []
    var closesOnReturn = 0
    var queue: [Waiter] = []
    /// Leases and tickets that are over; using them again must do nothing.
    var spentLeases: [LeasePool.Lease] = []
    var spentTickets: [LeasePool.Ticket] = []
    let seed: Int

    init(seed: Int) {
        self.seed = seed
        random = SeededGenerator(seed)
        pool = LeasePool(
            limits: .init(
                size: 1 + random.below(6), overflow: random.below(4), strategy: random.oneIn(2) ? .fifo : .lifo,
                checkoutTimeout: .milliseconds(Int64(50 + random.below(500))),
                queue: random.oneIn(3) ? random.below(6) : nil,
                idleTimeout: .milliseconds(Int64(20 + random.below(800))),
                leaseAge: .milliseconds(Int64(20 + random.below(800)))))
    }

    mutating func step() {
        switch random.below(14) {
        case 0...3: checkout()
        case 4: batch()
        case 5, 6: checkin()
        case 7: cancel()
        case 8: open()
        case 9: misuse()
        case 10: lose()
        case 11: giveBack()
        case 12: withdraw()
        default: wait()
        }
        apply()
    }

    private mutating func checkout() {
        let deadline = random.oneIn(3) ? now + .milliseconds(Int64(random.below(300))) : Instant.distantFuture
        let couldServe = queue.isEmpty && !idle.isEmpty
        switch pool.checkout(deadline: deadline, now: now, effects: &effects) {
        case .leased(let lease):
            #expect(couldServe, "seed \(seed): nobody may overtake")
            lend(lease)
        case .waiting(let ticket):
            #expect(!couldServe, "seed \(seed): it should have been served")
            queue.append(Waiter(ticket: ticket, count: 1, deadline: min(deadline, now + pool.limits.checkoutTimeout)))
        case .refused(.queueFull):
            #expect(excess(with: 1) > pool.limits.queue!)
        case .refused(let refusal):
            #expect(refusal == .timeout && deadline <= now)
        }
    }

    private mutating func batch() {
        let count = 1 + random.below(pool.limits.capacity + 1)
        switch pool.checkoutBatch(count, now: now, effects: &effects) {
        case .requested(let ticket):
            queue.append(Waiter(ticket: ticket, count: count, deadline: now + pool.limits.checkoutTimeout))
        case .refused(.tooMany): #expect(count > pool.limits.capacity)
        case .refused(let refusal):
            #expect(refusal == .queueFull && excess(with: count) > pool.limits.queue!)
        }
    }

    private func excess(with count: Int) -> Int {
        queue.reduce(count) { $0 + $1.count } - pool.limits.capacity + leased.count
    }

    private mutating func checkin() {
        guard !leased.isEmpty else { return }
        let lease = leased.remove(at: random.below(leased.count)).lease
        let wish = !random.oneIn(4)
        let reuse = wish && closesOnReturn == 0
        spentLeases.append(lease)
        overdue.remove(lease)
        let isGone = lost.remove(lease.resource) != nil
        if reuse, !isGone { idle.append((lease.resource, now)) }
        #expect(pool.checkin(lease, reuse: wish, now: now, effects: &effects) == true)
        if !reuse, !isGone { closesOnReturn = max(0, closesOnReturn - 1) }
        #expect(pool.closesOnReturn == closesOnReturn)
        if !reuse, !isGone { #expect(effects.close.first == lease.resource) }
        if !reuse, !isGone { effects.close.removeFirst() }
    }

    private mutating func cancel() {
        guard !queue.isEmpty else { return }
        let waiter = queue.remove(at: random.below(queue.count))
        spentTickets.append(waiter.ticket)
        #expect(pool.cancel(waiter.ticket, now: now, effects: &effects) == true)
    }

    private mutating func open() {
        guard !opening.isEmpty else { return }
        let resource = opening.remove(at: random.below(opening.count))
        if random.oneIn(4) {
            let failing = queue.first
            if failing != nil { spentTickets.append(queue.removeFirst().ticket) }
            pool.openFailed(resource, now: now, effects: &effects)
            #expect(effects.failed == (failing.map { [$0.ticket] } ?? []))
            effects.failed.removeAll()
        } else {
            idle.append((resource, now))
            #expect(pool.opened(resource, now: now, effects: &effects) == true)
        }
    }

    /// What is over stays over.
    private mutating func misuse() {
        if !spentLeases.isEmpty {
            #expect(pool.checkin(random.pick(spentLeases), now: now, effects: &effects) == false, "seed \(seed)")
        }
        if !spentTickets.isEmpty {
            #expect(pool.cancel(random.pick(spentTickets), now: now, effects: &effects) == false, "seed \(seed)")
        }
        #expect(effects.isEmpty)
    }

    private mutating func lose() {
        if !leased.isEmpty, random.oneIn(2) {
            let resource = leased[random.below(leased.count)].lease.resource
            lost.insert(resource)
            pool.lost(resource, now: now, effects: &effects)
        } else if !idle.isEmpty {
            let resource = idle.remove(at: random.below(idle.count)).resource
            pool.lost(resource, now: now, effects: &effects)
        }
    }

    /// Others want what it has.
    private mutating func giveBack() {
        let count = random.below(4)
        if random.oneIn(2) {
            closesOnReturn = count
            pool.closesOnReturn = count
        } else {
            let closed = pool.closeIdle(count, now: now, effects: &effects)
            #expect(closed == min(count, idle.count) && effects.close == idle.prefix(closed).map(\.resource))
            idle.removeFirst(closed)
            effects.close.removeAll()
        }
    }

    /// More is being opened than is wanted any more.
    private mutating func withdraw() {
        let demand = queue.reduce(0) { $0 + $1.count }
        guard !opening.isEmpty, idle.count + opening.count > demand else { return }
        pool.withdraw(opening.remove(at: random.below(opening.count)))
        #expect(effects.isEmpty)
    }

    private mutating func wait() {
        let next = [
            queue.map(\.deadline).min(), queue.isEmpty ? idle.map { $0.since + pool.limits.idleTimeout }.min() : nil,
            leased.filter { !overdue.contains($0.lease) }.map { $0.since + pool.limits.leaseAge }.min(),
        ].compactMap(\.self).min()
        #expect(pool.nextDeadline == next, "seed \(seed)")
        if let next, random.oneIn(2) {
            now = max(now, next)
        } else {
            now = now + .milliseconds(Int64(random.below(120)))
        }
        let due = queue.filter { $0.deadline <= now }.map(\.ticket)
        queue.removeAll { $0.deadline <= now }
        spentTickets += due
        let old = leased.map { ($0.lease, $0.since) }.filter {
            $0.1 + pool.limits.leaseAge <= now && !overdue.contains($0.0)
        }
        pool.advance(to: now, effects: &effects)
        #expect(Set(effects.expired) == Set(due), "seed \(seed)")
        #expect(Set(effects.overdue) == Set(old.map(\.0)), "seed \(seed)")
        overdue.formUnion(effects.overdue)
        effects.expired.removeAll()
        effects.overdue.removeAll()
    }

    private mutating func lend(_ lease: LeasePool.Lease) {
        let place = idle.firstIndex { $0.resource == lease.resource }
        #expect(place != nil, "seed \(seed): lent what is not idle")
        if let place {
            #expect(place == (pool.limits.strategy == .fifo ? 0 : idle.count - 1), "seed \(seed): strategy")
            idle.remove(at: place)
        }
        leased.append((lease, now))
    }

    /// Carries out what the pool wants and checks that it is right.
    private mutating func apply() {
        while let first = effects.granted.first {
            let waiter = queue.removeFirst()
            #expect(waiter.ticket == first.ticket, "seed \(seed): first come, first served")
            spentTickets.append(waiter.ticket)
            for _ in 0..<waiter.count {
                let grant = effects.granted.removeFirst()
                #expect(grant.ticket == waiter.ticket, "seed \(seed): a batch comes as one")
                lend(grant.lease)
            }
        }
        for resource in effects.close {
            let place = idle.firstIndex { $0.resource == resource }
            #expect(place == 0, "seed \(seed): the one that was idle longest is closed first")
            if let place { idle.remove(at: place) }
        }
        opening += effects.open
        effects.removeAll()

        let resources = opening + idle.map(\.resource) + leased.map(\.lease.resource)
        #expect(Set(resources.map(\.slot)).count == resources.count, "seed \(seed): two in one place")
        #expect(resources.count <= pool.limits.capacity, "seed \(seed): bound")
        #expect(pool.open == resources.count, "seed \(seed)")
        if let head = queue.first {
            #expect(idle.count < head.count, "seed \(seed): it could be served")
            let demand = queue.reduce(0) { $0 + $1.count }
            #expect(
                demand <= idle.count + opening.count || resources.count == pool.limits.capacity,
                "seed \(seed): more could be opened")
        } else {
            #expect(idle.isEmpty || resources.count <= pool.limits.size, "seed \(seed): overflow is kept for nobody")
        }
        let health = pool.health
        #expect(health.queueLength == queue.count && health.overflow == max(0, resources.count - pool.limits.size))
        #expect(health.available == max(0, pool.limits.size - leased.count - opening.count))
    }

    /// When everybody has left, nothing stays open for ever.
    mutating func finish() {
        while !leased.isEmpty || !opening.isEmpty {
            if !leased.isEmpty { checkin() } else { open() }
            apply()
        }
        now = now + .seconds(10)
        pool.advance(to: now, effects: &effects)
        queue.removeAll { effects.expired.contains($0.ticket) }
        effects.expired.removeAll()
        apply()
        #expect(queue.isEmpty && idle.isEmpty && pool.open == 0 && pool.nextDeadline == nil, "seed \(seed)")
    }
}
