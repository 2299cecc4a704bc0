import GatewayCore
import GatewayViability
import Synchronization

/// What the rules of S5 say of a message in the present mode. The table is replaced when the mode or the policy changes;
/// where no rule speaks of the mode, a message reads one byte.
final class PolicyGate: Sendable {
    private let hasTable = Atomic<Bool>(false)
    private let table = Mutex<RuleTable?>(nil)
    private let kept = Atomic<Int>(0)
    private let refused = Atomic<Int>(0)

    /// Another table holds from now on.
    func hold(_ new: RuleTable?) {
        table.withLock { $0 = new }
        hasTable.store(new != nil, ordering: .relaxed)
    }

    /// Whether any rule speaks of the present mode.
    var isOn: Bool { hasTable.load(ordering: .relaxed) }

    /// What has become of messages by rules, since the beginning.
    var figures: (kept: Int, refused: Int) { (kept.load(ordering: .relaxed), refused.load(ordering: .relaxed)) }

    /// Refuses a message that a rule refuses, or that there is no room for.
    func require(
        _ priority: Priority, client: String?, tier: String?, type: String, memory: MemoryWatch
    ) throws(Problem) {
        guard let table = table.withLock({ $0 }) else { return try memory.require(priority) }
        switch table.effect(client: client, tier: tier, type: type) {
        case nil: try memory.require(priority)
        case .keep?:
            if try memory.requireRoom(priority) { kept.add(1, ordering: .relaxed) }
        case .refuse?:
            refused.add(1, ordering: .relaxed)
            throw .refusedByRule(in: table.mode)
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
