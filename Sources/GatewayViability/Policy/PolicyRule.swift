public import GatewayCore

/// Which names a rule is about: one, all that begin in a certain way, or all.
public enum NamePattern: Hashable, Sendable {
    case exact(String)
    /// `sensor-*` is `prefix("sensor-")`.
    case prefix(String)
    case any

    /// Reads `name`, `prefix*` or `*`; a star stands at the end or nowhere.
    public init?(_ text: String) {
        if text == "*" {
            self = .any
        } else if text.hasSuffix("*"), !text.dropLast().contains("*") {
            self = .prefix(String(text.dropLast()))
        } else if !text.isEmpty, !text.contains("*") {
            self = .exact(text)
        } else {
            return nil
        }
    }

    /// As it is written.
    public var text: String {
        switch self {
        case .exact(let name): name
        case .prefix(let beginning): beginning + "*"
        case .any: "*"
        }
    }

    /// Whether the pattern covers a name.
    public func matches(_ name: String) -> Bool {
        switch self {
        case .exact(let wanted): name == wanted
        case .prefix(let prefix): name.hasPrefix(prefix)
        case .any: true
        }
    }
}

/// One rule of S5 (`policy.rules`): what becomes of certain messages in certain modes.
public struct PolicyRule: Equatable, Sendable {
    /// What becomes of a message.
    public enum Effect: Equatable, Sendable {
        /// It is taken although the mode would refuse it; what there is no memory for is refused all the same.
        case keep
        /// It is refused, whatever its priority.
        case refuse
        /// It is looked at as if it had this priority.
        case treat(Priority)
    }

    /// Whose messages.
    public var subject: PolicySubject
    /// Of which type the messages are; `nil` for any.
    public var type: NamePattern?
    /// What becomes of them; a mode that is not named is none of this rule's business.
    public var effects: [OperatingMode: Effect]
    /// Which priority they are taken to have in all other modes; `nil` for their own.
    public var priority: Priority?

    public init(
        client: NamePattern? = nil, tier: String? = nil, type: NamePattern? = nil, effects: [OperatingMode: Effect],
        priority: Priority? = nil
    ) {
        subject = PolicySubject(client: client, tier: tier)
        self.type = type
        self.effects = effects
        self.priority = priority
    }

    /// What becomes of them in a mode; `nil` if the rule does not speak of it.
    public func effect(in mode: OperatingMode) -> Effect? { effects[mode] ?? priority.map(Effect.treat) }
}

/// The rules that speak of one mode, in the form in which they are looked up: by type at once, and in their order from
/// there on. The first that fits decides.
public struct RuleTable: Equatable, Sendable {
    private struct Entry: Equatable, Sendable {
        let subject: PolicySubject
        /// `nil` where the place in the table says it already.
        let type: NamePattern?
        let effect: PolicyRule.Effect

        func fits(client name: String?, tier token: String?, type kind: String) -> Bool {
            subject.fits(client: name, tier: token) && type?.matches(kind) ?? true
        }
    }

    /// The mode that it is for.
    public let mode: OperatingMode
    /// For each type that a rule names, the rules that may fit it.
    private var named: [String: [Entry]] = [:]
    /// For all other types.
    private var others: [Entry] = []

    /// - Returns: `nil` if no rule speaks of the mode.
    public init?(_ rules: [PolicyRule], in mode: OperatingMode) {
        self.mode = mode
        let spoken = rules.compactMap { rule in rule.effect(in: mode).map { (rule, $0) } }
        guard !spoken.isEmpty else { return nil }
        for case .exact(let name)? in spoken.map(\.0.type) {
            named[name] = spoken.filter { $0.0.type?.matches(name) ?? true }.map { rule, effect in
                Entry(subject: rule.subject, type: nil, effect: effect)
            }
        }
        others = spoken.compactMap { rule, effect in
            if case .exact? = rule.type { return nil }
            return Entry(subject: rule.subject, type: rule.type, effect: effect)
        }
    }

    /// When somebody's connections give way to others', by the rules that are about all of its messages.
    public enum Standing: Int, Comparable, Sendable {
        /// Its messages are refused.
        case refused
        case low
        /// The rules say nothing of it.
        case usual
        /// Its messages are kept, or have priority `high`.
        case high

        public static func < (one: Standing, other: Standing) -> Bool { one.rawValue < other.rawValue }
    }

    /// What the rules say of somebody's connections: those that are about every type.
    /// - Parameter tier: the tier of its token.
    public func standing(client: String, tier: String?) -> Standing {
        let found = others.first { entry in
            (entry.type == nil || entry.type == .any) && entry.subject.fits(client: client, tier: tier)
        }
        return switch found?.effect {
        case .refuse?: .refused
        case .treat(.low)?: .low
        case .keep?, .treat(.high)?: .high
        case .treat(.normal)?, nil: .usual
        }
    }

    /// What the rules say of a message.
    /// - Parameters:
    ///   - client: its sender; `nil` for a back end.
    ///   - tier: the tier of the sender's token.
    /// - Returns: `nil` if none of them fits.
    public func effect(client: String?, tier: String?, type: String) -> PolicyRule.Effect? {
        let entries = named[type] ?? others
        return entries.first { $0.fits(client: client, tier: tier, type: type) }?.effect
    }
}
