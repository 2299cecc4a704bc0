/// Several upstreams that do the same work: which of them a key belongs to, which of them are fit for use, and how much
/// may be tried again.
///
/// Each has a breaker of its own. A key keeps its place until it is released; whoever finds his replica unfit releases it
/// and is placed elsewhere, and nobody else moves. There is no clock and no lock in here.
public struct ReplicaSet: Sendable {
    public struct Limits: Equatable, Sendable {
        public var breaker: CircuitBreaker.Limits
        /// Retries for each call, and retries in ten seconds that need no calls.
        public var retryRatio: Double
        public var retryReserve: Int
        /// Points on the ring of a replica of weight 1.
        public var virtualNodes: Int
        /// How far above its part a replica may go.
        public var slack: Double

        public init(
            breaker: CircuitBreaker.Limits = .init(consecutiveFailures: 3), retryRatio: Double = 0.2,
            retryReserve: Int = 10, virtualNodes: Int = 150, slack: Double = 0.25
        ) {
            self.breaker = breaker
            self.retryRatio = retryRatio
            self.retryReserve = retryReserve
            self.virtualNodes = virtualNodes
            self.slack = slack
        }
    }

    /// One replica as it is now.
    public struct Report: Equatable, Sendable {
        public var id: String
        public var weight: Double
        public var state: CircuitBreaker.State
        /// Keys that are placed on it.
        public var placed: Int
        public var calls: Int
        public var failures: Int
        /// When it last answered, or failed.
        public var lastChange: Instant?
    }

    private struct Replica: Sendable {
        var breaker: CircuitBreaker
        var calls = 0
        var failures = 0
        var lastChange: Instant?
    }

    private var loads: BoundedLoads
    private var replicas: [Replica]
    private var budget: RetryBudget

    public init(_ nodes: [HashRing.Node], limits: Limits = Limits()) {
        precondition(!nodes.isEmpty, "There is a replica")
        loads = BoundedLoads(ring: HashRing(nodes, virtualNodes: limits.virtualNodes), slack: limits.slack)
        replicas = nodes.map { _ in Replica(breaker: CircuitBreaker(limits: limits.breaker)) }
        budget = RetryBudget(ratio: limits.retryRatio, reserve: limits.retryReserve)
    }

    public var count: Int { replicas.count }

    // MARK: Places

    /// Chooses a replica for a key and counts it there.
    ///
    /// - Parameter avoided: one that has just failed the caller; taken only if there is no other.
    public mutating func place(_ key: String, avoiding avoided: Int? = nil, now: Instant) -> Int {
        for replica in replicas.indices { loads.setEligible(replica, isFit(replica, now: now) && replica != avoided) }
        if let chosen = loads.place(key) { return chosen }
        // Nothing is fit: its own place is as good as any, and its breaker says when to try.
        let own = loads.ring.node(for: key) ?? 0
        loads.adopt(own)
        return own
    }

    /// Forgets one key that was placed on `replica`.
    public mutating func release(_ replica: Int) { loads.release(replica) }

    /// Whether new keys may come to a replica.
    public func isFit(_ replica: Int, now: Instant) -> Bool { replicas[replica].breaker.state(now: now) == .closed }

    /// Whether there is a fit replica beside one.
    public func hasOther(than replica: Int, now: Instant) -> Bool {
        replicas.indices.contains { $0 != replica && isFit($0, now: now) }
    }

    // MARK: Calls

    /// Asks for a call to `replica`.
    public mutating func admit(_ replica: Int, now: Instant) -> CircuitBreaker.Admission {
        let admission = replicas[replica].breaker.admit(now: now)
        if case .admitted = admission { replicas[replica].calls += 1 }
        return admission
    }

    /// The replica answered, whatever it said. Answers the breaker's new state when it changed.
    @discardableResult
    public mutating func succeeded(
        _ replica: Int, _ permit: CircuitBreaker.Permit, now: Instant
    ) -> CircuitBreaker.State? {
        changed(replica, replicas[replica].breaker.succeeded(permit, now: now), now)
    }

    /// The replica could not be reached or fell silent. Answers the breaker's new state when it changed.
    ///
    /// - Parameter random: 64 random bits.
    @discardableResult
    public mutating func failed(
        _ replica: Int, _ permit: CircuitBreaker.Permit, now: Instant, random: UInt64
    ) -> CircuitBreaker.State? {
        replicas[replica].failures += 1
        return changed(replica, replicas[replica].breaker.failed(permit, now: now, random: random), now)
    }

    /// The call ended and says nothing about the replica.
    public mutating func abandoned(_ replica: Int, _ permit: CircuitBreaker.Permit) {
        replicas[replica].breaker.abandoned(permit)
    }

    /// A health check was answered: there is no reason to wait any longer.
    @discardableResult
    public mutating func recovered(_ replica: Int, now: Instant) -> CircuitBreaker.State? {
        changed(replica, replicas[replica].breaker.recovered(), now)
    }

    private mutating func changed(
        _ replica: Int, _ state: CircuitBreaker.State?, _ now: Instant
    ) -> CircuitBreaker.State? {
        if state != nil { replicas[replica].lastChange = now }
        return state
    }

    // MARK: Retries

    /// A call was made for the first time.
    public mutating func recordCall(now: Instant) { budget.recordCall(now: now) }

    /// Whether a call may be made again; counts it when it may.
    public mutating func admitRetry(now: Instant) -> Bool { budget.admitRetry(now: now) }

    // MARK: Figures

    /// How evenly the keys that are placed now are spread.
    public var distribution: RingDistribution { RingDistribution(of: loads.ring, keys: loads.loads) }

    public func report(now: Instant) -> [Report] {
        replicas.indices.map { index in
            Report(
                id: loads.ring.nodes[index].id, weight: loads.ring.nodes[index].weight,
                state: replicas[index].breaker.state(now: now), placed: loads.loads[index],
                calls: replicas[index].calls, failures: replicas[index].failures,
                lastChange: replicas[index].lastChange)
        }
    }
}
