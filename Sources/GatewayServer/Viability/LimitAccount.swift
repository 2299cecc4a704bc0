import GatewayCore
import GatewayViability
import Synchronization

/// What is counted for one limit of the policy, by all event loops together. It stands as long as the policy speaks of the
/// same clients, so that connections stay counted when a bound changes.
final class LimitAccount: Sendable {
    let subject: PolicySubject
    private let name: String
    private let limit: Mutex<PolicyLimit>
    private let open = Atomic<Int>(0)
    private let bound: Atomic<Int>
    private let paced: Mutex<(pace: RateLimit?, usage: RateLimit.Usage)>
    private let refusedConnections = Atomic<Int>(0)
    private let refusedMessages = Atomic<Int>(0)

    init(_ limit: PolicyLimit) {
        subject = limit.subject
        name = limit.subject.name
        self.limit = Mutex(limit)
        bound = Atomic(limit.connections ?? .max)
        paced = Mutex((limit.pace, RateLimit.Usage()))
    }

    /// Other bounds apply from now on to whoever comes.
    func change(_ new: PolicyLimit) {
        limit.withLock { $0 = new }
        bound.store(new.connections ?? .max, ordering: .relaxed)
        paced.withLock { $0.pace = new.pace }
    }

    /// Whether messages count in it.
    var hasRate: Bool { limit.withLock { $0.rate != nil } }

    /// Counts one more connection.
    /// - Returns: why it may not be; it is not counted then.
    func enter() -> Problem? {
        guard open.add(1, ordering: .relaxed).newValue > bound.load(ordering: .relaxed) else { return nil }
        leave()
        refusedConnections.add(1, ordering: .relaxed)
        return Problem(
            429, "too_many_connections", "as many connections of \(name) as policy.limits allows", retryAfter: 10)
    }

    func leave() { open.subtract(1, ordering: .relaxed) }

    /// Counts one more message.
    /// - Returns: why it may not be.
    func take(now: Instant) -> Problem? {
        let decision = paced.withLock { paced in paced.pace?.admit(&paced.usage, now: now) }
        guard case .refused(let wait)? = decision else { return nil }
        refusedMessages.add(1, ordering: .relaxed)
        return Problem(
            429, "rate_limit_exceeded", "more messages of \(name) than policy.limits allows",
            retryAfter: wait.roundedUpSeconds)
    }

    var figures: PolicyLimit.Figures {
        let limit = limit.withLock { $0 }
        return PolicyLimit.Figures(
            subject: name, open: open.load(ordering: .relaxed), connections: limit.connections, rate: limit.rate,
            refusedConnections: refusedConnections.load(ordering: .relaxed),
            refusedMessages: refusedMessages.load(ordering: .relaxed))
    }
}
