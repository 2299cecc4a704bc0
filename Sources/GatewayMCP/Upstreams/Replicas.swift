import GatewayCore
import Logging
import Synchronization

/// What the event loops have in common about one server: which of its replicas are fit, who is where, and what may be
/// tried again. Asked twice for a call, under a lock that nobody holds for long.
final class Replicas: Sendable {
    private let set: Mutex<ReplicaSet>
    private let name: String
    private let urls: [String]
    private let logger: Logger

    init(name: String, nodes: [HashRing.Node], limits: ReplicaSet.Limits, logger: Logger) {
        self.name = name
        self.logger = logger
        urls = nodes.map(\.id)
        set = Mutex(ReplicaSet(nodes, limits: limits))
    }

    var count: Int { urls.count }

    func place(_ key: String, avoiding avoided: Int?, now: Instant) -> Int {
        set.withLock { $0.place(key, avoiding: avoided, now: now) }
    }

    func release(_ replica: Int) { set.withLock { $0.release(replica) } }

    func hasOther(than replica: Int, now: Instant) -> Bool { set.withLock { $0.hasOther(than: replica, now: now) } }

    func isFit(_ replica: Int, now: Instant) -> Bool { set.withLock { $0.isFit(replica, now: now) } }

    /// - Parameter isFirst: whether the call is made for the first time; retries are counted against these.
    func admit(_ replica: Int, isFirst: Bool, now: Instant) -> CircuitBreaker.Admission {
        set.withLock { set in
            if isFirst { set.recordCall(now: now) }
            return set.admit(replica, now: now)
        }
    }

    func admitRetry(now: Instant) -> Bool { set.withLock { $0.admitRetry(now: now) } }

    func succeeded(_ replica: Int, _ permit: CircuitBreaker.Permit, now: Instant) {
        tell(replica, set.withLock { $0.succeeded(replica, permit, now: now) })
    }

    func failed(_ replica: Int, _ permit: CircuitBreaker.Permit, now: Instant) {
        var generator = SystemRandomNumberGenerator()
        let random = generator.next()
        tell(replica, set.withLock { $0.failed(replica, permit, now: now, random: random) })
    }

    func abandoned(_ replica: Int, _ permit: CircuitBreaker.Permit) {
        set.withLock { $0.abandoned(replica, permit) }
    }

    func recovered(_ replica: Int, now: Instant) { tell(replica, set.withLock { $0.recovered(replica, now: now) }) }

    func report(now: Instant) -> [ReplicaSet.Report] { set.withLock { $0.report(now: now) } }

    func distribution() -> RingDistribution { set.withLock { $0.distribution } }

    private func tell(_ replica: Int, _ state: CircuitBreaker.State?) {
        guard let state else { return }
        logger.notice(
            "circuit breaker", metadata: ["server": "\(name)", "url": "\(urls[replica])", "state": "\(state.rawValue)"])
    }
}
