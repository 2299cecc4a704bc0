import GatewayCore
import GatewayViability
import Synchronization

/// What S5 lays down for the present mode, as event loops look it up. Each loop holds one, and gets another when the mode or
/// the policy changes; where the policy says nothing there is none.
final class PolicyView: Sendable {
    let table: RuleTable?
    let limits: [LimitAccount]
    /// Those of them that messages count in.
    let rates: [LimitAccount]

    init(table: RuleTable?, limits: [LimitAccount]) {
        self.table = table
        self.limits = limits
        rates = limits.filter(\.hasRate)
    }

    /// Counts one more connection in every limit that is about it.
    /// - Returns: the limits that it counts in.
    func enter(client: String?, tier: String?) throws(Problem) -> [LimitAccount] {
        var entered: [LimitAccount] = []
        for limit in limits where limit.subject.fits(client: client, tier: tier) {
            if let problem = limit.enter() {
                for limit in entered { limit.leave() }
                throw problem
            }
            entered.append(limit)
        }
        return entered
    }
}

/// What the rules and limits of S5 say of messages and connections, and what has come of it.
final class PolicyGate: Sendable {
    private struct State {
        var view: PolicyView?
        var accounts: [PolicySubject: LimitAccount] = [:]
        /// In the policy's order.
        var limits: [PolicyLimit] = []
    }

    private let state = Mutex(State())
    private let kept = Atomic<Int>(0)
    private let refused = Atomic<Int>(0)

    /// Another table and other limits hold from now on.
    /// - Returns: whether event loops need another view.
    func hold(_ table: RuleTable?, _ limits: [PolicyLimit]) -> Bool {
        state.withLock { state in
            guard table != state.view?.table || limits != state.limits else { return false }
            let subjects = Set(limits.map(\.subject))
            state.accounts = state.accounts.filter { subjects.contains($0.key) }
            for limit in limits {
                if let account = state.accounts[limit.subject] {
                    account.change(limit)
                } else {
                    state.accounts[limit.subject] = LimitAccount(limit)
                }
            }
            state.limits = limits
            let accounts = limits.compactMap { state.accounts[$0.subject] }
            state.view = table == nil && accounts.isEmpty ? nil : PolicyView(table: table, limits: accounts)
            return true
        }
    }

    /// What event loops look things up in; `nil` where the policy says nothing.
    var view: PolicyView? { state.withLock(\.view) }

    /// What has become of messages by rules, since the beginning.
    var figures: (kept: Int, refused: Int) { (kept.load(ordering: .relaxed), refused.load(ordering: .relaxed)) }

    /// What has been counted for each limit.
    var limits: [PolicyLimit.Figures] {
        state.withLock { state in state.limits.compactMap { state.accounts[$0.subject]?.figures } }
    }

    /// Refuses a message that a limit or a rule refuses, or that there is no room for.
    func require(
        _ priority: Priority, client: String?, tier: String?, type: String, memory: MemoryWatch, _ view: PolicyView,
        now: Instant
    ) throws(Problem) {
        switch view.table?.effect(client: client, tier: tier, type: type) {
        case nil: try memory.require(priority)
        case .treat(let other)?: try memory.require(other)
        case .keep?:
            if try memory.requireRoom(priority) { kept.add(1, ordering: .relaxed) }
        case .refuse?:
            refused.add(1, ordering: .relaxed)
            throw .refusedByRule(in: view.table?.mode ?? .normal)
        }
        // Last: what is refused anyway uses nothing up.
        for limit in view.rates where limit.subject.fits(client: client, tier: tier) {
            if let problem = limit.take(now: now) { throw problem }
        }
    }
}

extension Problem {
    /// In mode `normal` it is no use to come back.
    static func refusedByRule(in mode: OperatingMode) -> Problem {
        if mode == .normal { return Problem(403, "policy_violation", "a rule refuses such messages: see policy.rules") }
        return Problem(
            503, "overloaded", "a rule refuses such messages in mode \(mode.name): see policy.rules",
            retryAfter: Int.random(in: 2...10))
    }
}
