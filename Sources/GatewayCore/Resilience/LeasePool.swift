/// Lends a bounded number of resources, such as sessions with an upstream, one holder at a time.
///
/// `size` resources are kept, up to `overflow` more are opened under pressure and closed as soon as nobody waits for
/// them. Who finds nothing waits in order of arrival until a deadline. The pool knows resources by number only: it says
/// when to open or close one, and its owner says what became of it. It has no clock and no lock; an owner on several
/// threads puts it behind one.
public struct LeasePool: Sendable {
    /// Which of several idle resources is lent next.
    public enum Strategy: String, Equatable, Sendable {
        /// The one that has been idle longest: use is spread evenly.
        case fifo
        /// The one that came back last: it is warm, and the others grow old enough to be closed.
        case lifo
    }

    public struct Limits: Equatable, Sendable {
        /// How many resources are kept.
        public var size: Int
        /// How many more may be open while others wait.
        public var overflow: Int
        public var strategy: Strategy
        /// How long a request waits at most.
        public var checkoutTimeout: Instant.Span
        /// How many leases may be waited for; nil: any number, each until its deadline.
        public var queue: Int?
        /// A resource that nobody wanted for so long is closed.
        public var idleTimeout: Instant.Span
        /// A lease older than this is reported as overdue, once: its holder has probably forgotten it.
        public var leaseAge: Instant.Span

        public init(
            size: Int = 100, overflow: Int = 50, strategy: Strategy = .fifo,
            checkoutTimeout: Instant.Span = .seconds(5),
            queue: Int? = nil, idleTimeout: Instant.Span = .seconds(300), leaseAge: Instant.Span = .seconds(600)
        ) {
            precondition(size >= 1 && overflow >= 0 && (queue ?? 0) >= 0, "A pool lends something")
            self.size = size
            self.overflow = overflow
            self.strategy = strategy
            self.checkoutTimeout = checkoutTimeout
            self.queue = queue
            self.idleTimeout = idleTimeout
            self.leaseAge = leaseAge
        }

        /// How many resources there are at most.
        public var capacity: Int { size + overflow }
    }

    /// One resource, from its opening to its end. `slot` is below `Limits.capacity` and is used again by later ones.
    public struct ResourceID: Hashable, Sendable {
        public let slot: UInt32
        let generation: UInt32
    }

    /// The right to use a resource until it is checked in.
    public struct Lease: Hashable, Sendable {
        public let resource: ResourceID
        let serial: UInt32
    }

    /// A request that waits.
    public struct Ticket: Hashable, Sendable {
        let index: UInt32
        let generation: UInt32
    }

    public enum Refusal: Equatable, Sendable {
        /// As many wait as may.
        case queueFull
        /// There is no time to wait.
        case timeout
        /// More was asked for than the pool can ever lend at once.
        case tooMany
        case closed
    }

    public enum Checkout: Equatable, Sendable {
        case leased(Lease)
        /// It will be among `Effects.granted`, `.expired` or `.failed`, unless it is cancelled.
        case waiting(Ticket)
        case refused(Refusal)
    }

    public enum BatchCheckout: Equatable, Sendable {
        /// All leases of the batch are or will be among `Effects.granted` together, or the ticket among the others.
        case requested(Ticket)
        case refused(Refusal)
    }

    public struct Grant: Equatable, Sendable {
        public let ticket: Ticket
        public let lease: Lease
    }

    /// What the owner has to do. It is handed in to be filled, so that its memory serves again.
    public struct Effects: Sendable {
        /// Open these, then say `opened` or `openFailed`.
        public var open: [ResourceID] = []
        /// Close these; the pool has forgotten them.
        public var close: [ResourceID] = []
        /// These requests have their leases; a batch's stand side by side.
        public var granted: [Grant] = []
        /// These have waited until their deadline.
        public var expired: [Ticket] = []
        /// For these a resource could not be opened, or the pool was closed.
        public var failed: [Ticket] = []
        /// These leases are older than they should be.
        public var overdue: [Lease] = []

        public init() {}

        public var isEmpty: Bool {
            open.isEmpty && close.isEmpty && granted.isEmpty && expired.isEmpty && failed.isEmpty && overdue.isEmpty
        }

        public mutating func removeAll() {
            open.removeAll(keepingCapacity: true)
            close.removeAll(keepingCapacity: true)
            granted.removeAll(keepingCapacity: true)
            expired.removeAll(keepingCapacity: true)
            failed.removeAll(keepingCapacity: true)
            overdue.removeAll(keepingCapacity: true)
        }
    }

    enum Phase: Equatable, Sendable {
        /// No resource. Can transition to: opening.
        case vacant
        /// Being opened. Can transition to: idle, vacant.
        case opening
        /// Open and not lent. Can transition to: leased, vacant.
        case idle
        /// Lent. Can transition to: idle, leasedLost, vacant.
        case leased
        /// Lent, and gone in the meantime. Can transition to: vacant.
        case leasedLost
    }

    struct Slot: Sendable {
        var phase = Phase.vacant
        var generation: UInt32 = 0
        /// Counts the leases of this slot, so that a lease is good for one check-in.
        var serial: UInt32 = 0
        /// When the present phase began.
        var since = Instant.zero
        var isReported = false
    }

    public let limits: Limits
    var slots: [Slot]
    var vacant: LinkedIndices
    var idle: LinkedIndices
    /// In the order in which they were lent.
    var leased: LinkedIndices
    var opening = 0
    var waiting = WaitingRequests()
    public private(set) var isClosed = false
    /// So many of the resources that are lent are closed when they come back, whoever waits for them: they are wanted
    /// elsewhere.
    public var closesOnReturn = 0 { didSet { precondition(closesOnReturn >= 0, "It is a number of resources") } }
    /// Leases before this one in `leased` have been reported; nil: the first has not.
    private var lastReported: UInt32?

    private var samples = 0
    private var meanWait = 0.0

    public init(limits: Limits) {
        self.limits = limits
        slots = Array(repeating: Slot(), count: limits.capacity)
        vacant = LinkedIndices(range: limits.capacity)
        idle = LinkedIndices(range: limits.capacity)
        leased = LinkedIndices(range: limits.capacity)
        for slot in 0..<limits.capacity { vacant.append(UInt32(slot)) }
    }

    /// How many resources are open or being opened.
    public var open: Int { limits.capacity - vacant.count }

    // MARK: Requests

    /// Asks for one lease. `deadline` may shorten the checkout timeout.
    public mutating func checkout(
        deadline: Instant = .distantFuture, now: Instant, effects: inout Effects
    ) -> Checkout {
        // Nobody overtakes those who wait, not even when their batch leaves something idle.
        if waiting.isEmpty, !isClosed, let slot = nextIdle {
            record(wait: 0)
            return .leased(lend(slot, now: now))
        }
        switch enqueue(1, deadline: deadline, now: now, effects: &effects) {
        case .requested(let ticket): return .waiting(ticket)
        case .refused(let refusal): return .refused(refusal)
        }
    }

    /// Asks for `count` leases, all or none. It waits in line as one request, and nothing is kept for it while others
    /// are before it, so that two batches cannot block each other.
    public mutating func checkoutBatch(
        _ count: Int, deadline: Instant = .distantFuture, now: Instant, effects: inout Effects
    ) -> BatchCheckout {
        precondition(count >= 1, "A batch asks for something")
        return enqueue(count, deadline: deadline, now: now, effects: &effects)
    }

    private mutating func enqueue(
        _ count: Int, deadline: Instant, now: Instant, effects: inout Effects
    ) -> BatchCheckout {
        if isClosed { return .refused(.closed) }
        if count > limits.capacity { return .refused(.tooMany) }
        let deadline = min(deadline, now + limits.checkoutTimeout)
        if deadline <= now, !(waiting.isEmpty && idle.count >= count) { return .refused(.timeout) }
        if let queue = limits.queue {
            let excess = waiting.demand + count - idle.count - opening - vacant.count
            if excess > queue { return .refused(.queueFull) }
        }
        let ticket = waiting.append(count: count, deadline: deadline, now: now)
        settle(now: now, effects: &effects)
        return .requested(ticket)
    }

    /// Withdraws a request. False: it is not waiting any more, and what it was granted has to be checked in.
    public mutating func cancel(_ ticket: Ticket, now: Instant, effects: inout Effects) -> Bool {
        guard waiting.remove(ticket) else { return false }
        settle(now: now, effects: &effects)
        return true
    }

    // MARK: Leases

    /// Gives a lease back. False: it had been given back before, and nothing happens.
    ///
    /// - Parameter reuse: false closes the resource instead of lending it again.
    @discardableResult
    public mutating func checkin(
        _ lease: Lease, reuse: Bool = true, now: Instant, effects: inout Effects
    ) -> Bool {
        let index = lease.resource.slot
        let slot = slots[Int(index)]
        guard slot.phase == .leased || slot.phase == .leasedLost, slot.generation == lease.resource.generation,
            slot.serial == lease.serial
        else { return false }
        if lastReported == index { lastReported = nil }
        leased.remove(index)
        if slot.phase == .leasedLost {
            vacate(index)
        } else if !reuse || isClosed || closesOnReturn > 0 {
            closesOnReturn = max(0, closesOnReturn - 1)
            vacate(index)
            effects.close.append(lease.resource)
        } else {
            slots[Int(index)].phase = .idle
            slots[Int(index)].since = now
            idle.append(index)
        }
        settle(now: now, effects: &effects)
        return true
    }

    private mutating func lend(_ index: UInt32, now: Instant) -> Lease {
        idle.remove(index)
        leased.append(index)
        slots[Int(index)].phase = .leased
        slots[Int(index)].serial &+= 1
        slots[Int(index)].since = now
        slots[Int(index)].isReported = false
        return Lease(resource: id(of: index), serial: slots[Int(index)].serial)
    }

    private var nextIdle: UInt32? { limits.strategy == .fifo ? idle.first : idle.last }

    // MARK: Resources

    /// A resource is ready. False: the pool does not want it any more, and it is to be closed.
    public mutating func opened(_ resource: ResourceID, now: Instant, effects: inout Effects) -> Bool {
        let index = resource.slot
        guard slots[Int(index)].phase == .opening, slots[Int(index)].generation == resource.generation else {
            return false
        }
        opening -= 1
        slots[Int(index)].phase = .idle
        slots[Int(index)].since = now
        idle.append(index)
        settle(now: now, effects: &effects)
        return true
    }

    /// A resource could not be opened. The request that has waited longest fails with it: every failed attempt is told
    /// to somebody, and attempts end when nobody is left.
    public mutating func openFailed(_ resource: ResourceID, now: Instant, effects: inout Effects) {
        let index = resource.slot
        guard slots[Int(index)].phase == .opening, slots[Int(index)].generation == resource.generation else { return }
        opening -= 1
        vacate(index)
        if let ticket = waiting.removeFirst() { effects.failed.append(ticket) }
        settle(now: now, effects: &effects)
    }

    /// A resource that was to be opened will not be, because there is more than is wanted: nobody fails with it.
    public mutating func withdraw(_ resource: ResourceID) {
        let index = resource.slot
        guard slots[Int(index)].phase == .opening, slots[Int(index)].generation == resource.generation else { return }
        opening -= 1
        vacate(index)
    }

    /// Closes resources that nobody uses, those first that have been idle for longest.
    /// - Parameter count: so many at the most.
    /// - Returns: how many were closed.
    public mutating func closeIdle(_ count: Int, now: Instant, effects: inout Effects) -> Int {
        var closed = 0
        while closed < count, let index = idle.first {
            closeIdle(index, effects: &effects)
            closed += 1
        }
        // A batch may have waited for more than was idle.
        if closed > 0 { settle(now: now, effects: &effects) }
        return closed
    }

    /// An open resource has ended by itself. Whoever holds it still checks it in.
    public mutating func lost(_ resource: ResourceID, now: Instant, effects: inout Effects) {
        let index = resource.slot
        guard slots[Int(index)].generation == resource.generation else { return }
        switch slots[Int(index)].phase {
        case .idle:
            idle.remove(index)
            vacate(index)
            settle(now: now, effects: &effects)
        case .leased: slots[Int(index)].phase = .leasedLost
        case .vacant, .opening, .leasedLost: break
        }
    }

    /// Lends nothing any more: requests fail, idle resources close, lent ones close when they come back.
    public mutating func close(effects: inout Effects) {
        isClosed = true
        while let ticket = waiting.removeFirst() { effects.failed.append(ticket) }
        for (index, slot) in slots.enumerated() where slot.phase == .idle || slot.phase == .opening {
            let resource = id(of: UInt32(index))
            if slot.phase == .idle { idle.remove(UInt32(index)) } else { opening -= 1 }
            vacate(UInt32(index))
            effects.close.append(resource)
        }
    }

    func id(of index: UInt32) -> ResourceID { ResourceID(slot: index, generation: slots[Int(index)].generation) }

    private mutating func vacate(_ index: UInt32) {
        slots[Int(index)].phase = .vacant
        vacant.append(index)
    }

    // MARK: Time

    /// When `advance` has something to do next.
    public var nextDeadline: Instant? {
        var next = waiting.soonest ?? .distantFuture
        if waiting.isEmpty, let index = idle.first { next = min(next, slots[Int(index)].since + limits.idleTimeout) }
        if let index = unreported { next = min(next, slots[Int(index)].since + limits.leaseAge) }
        return next == .distantFuture ? nil : next
    }

    /// Ends what has waited too long, closes what was idle too long, reports what was lent too long.
    public mutating func advance(to now: Instant, effects: inout Effects) {
        while let ticket = waiting.removeDue(by: now) { effects.expired.append(ticket) }
        while let index = unreported, slots[Int(index)].since + limits.leaseAge <= now {
            slots[Int(index)].isReported = true
            lastReported = index
            effects.overdue.append(Lease(resource: id(of: index), serial: slots[Int(index)].serial))
        }
        settle(now: now, effects: &effects)
        // While a batch waits, what is idle is wanted.
        guard waiting.isEmpty else { return }
        // They came back in order of time, whichever end is lent from.
        while let index = idle.first, slots[Int(index)].since + limits.idleTimeout <= now {
            closeIdle(index, effects: &effects)
        }
    }

    /// The oldest lease that has not been reported.
    private var unreported: UInt32? {
        var index = lastReported ?? leased.first
        while let candidate = index, slots[Int(candidate)].isReported { index = leased.after(candidate) }
        return index
    }

    private mutating func closeIdle(_ index: UInt32, effects: inout Effects) {
        let resource = id(of: index)
        idle.remove(index)
        vacate(index)
        effects.close.append(resource)
    }

    /// Serves those who wait in order, opens what is still wanted, closes the overflow that nobody wants.
    private mutating func settle(now: Instant, effects: inout Effects) {
        while let first = waiting.first, first.count <= idle.count {
            record(wait: (now - first.since).nanoseconds)
            for _ in 0..<first.count {
                guard let index = nextIdle else { break }
                effects.granted.append(Grant(ticket: first.ticket, lease: lend(index, now: now)))
            }
            _ = waiting.removeFirst()
        }
        if waiting.isEmpty {
            while open > limits.size, let index = idle.first { closeIdle(index, effects: &effects) }
            return
        }
        while waiting.demand > idle.count + opening, let index = vacant.first {
            vacant.remove(index)
            opening += 1
            slots[Int(index)].phase = .opening
            slots[Int(index)].generation &+= 1
            slots[Int(index)].since = now
            effects.open.append(id(of: index))
        }
    }

    // MARK: Figures

    /// Mean over about the last 128 requests that were served.
    private mutating func record(wait nanoseconds: Int64) {
        samples = min(samples + 1, 128)
        meanWait += (Double(nanoseconds) - meanWait) / Double(samples)
    }

    public var health: PoolHealth {
        let busy = leased.count + opening
        return PoolHealth(
            status: waiting.isEmpty ? .healthy : vacant.isEmpty && opening == 0 ? .exhausted : .degraded,
            size: limits.size, available: max(0, limits.size - busy), overflow: max(0, open - limits.size),
            queueLength: waiting.count,
            averageCheckoutTime: Instant.Span(nanoseconds: Int64(meanWait)))
    }
}
