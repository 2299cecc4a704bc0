import GatewayCore
import GatewayViability
import Testing

/// Rules by client, tier and type, compiled for each mode.
struct PolicyRuleTests {
    private static let names: [String?] = [nil, "sensor-1", "sensor-", "desk"]
    private static let tiers: [String?] = [nil, "trial", "premium"]
    private static let types = ["chat.say", "chat.", "alarm", ""]

    /// What the table is to say: the first rule in order that fits.
    private static func plain(
        _ rules: [PolicyRule], _ mode: OperatingMode, client: String?, tier: String?, type: String
    ) -> PolicyRule.Effect? {
        for rule in rules {
            guard let effect = rule.effects[mode] ?? rule.priority.map(PolicyRule.Effect.treat) else { continue }
            if let wanted = rule.subject.client, client.map({ wanted.matches($0) }) != true { continue }
            if let wanted = rule.subject.tier, wanted != tier { continue }
            if let wanted = rule.type, !wanted.matches(type) { continue }
            return effect
        }
        return nil
    }

    @Test func connectionsRankByTheRulesAboutEveryType() {
        let rules = [
            PolicyRule(client: .exact("desk"), type: .exact("alarm"), effects: [.survive: .refuse]),
            PolicyRule(client: .prefix("sensor-"), effects: [.normal: .refuse], priority: .low),
            PolicyRule(tier: "premium", type: .any, effects: [.survive: .keep], priority: .high),
            PolicyRule(client: .exact("desk"), effects: [:], priority: .normal),
        ]
        typealias Standing = RuleTable.Standing
        func standing(_ client: String, _ tier: String? = nil, in mode: OperatingMode = .conserve) -> Standing? {
            RuleTable(rules, in: mode)?.standing(client: client, tier: tier)
        }
        #expect(standing("sensor-1") == .low && standing("sensor-1", "premium") == .low)
        #expect(standing("sensor-1", in: .normal) == .refused)
        #expect(standing("desk", "premium") == .high && standing("desk", "premium", in: .survive) == .high)
        #expect(standing("desk") == .usual && standing("somebody") == .usual)
        #expect(Standing.refused < .low && Standing.low < .usual && Standing.usual < .high)
    }

    /// Every pair of rules of every form, in every mode, for every message: the table says what the list says.
    @Test func theTableSaysWhatTheRulesSayInTheirOrder() {
        let clients: [NamePattern?] = [nil, .any, .exact("desk"), .prefix("sensor-")]
        let kinds: [NamePattern?] = [nil, .any, .exact("alarm"), .exact("chat.say"), .prefix("chat.")]
        let effects: [[OperatingMode: PolicyRule.Effect]] = [
            [.survive: .keep], [.conserve: .refuse, .survive: .refuse], [.normal: .refuse],
        ]
        var rules: [PolicyRule] = []
        for client in clients {
            for kind in kinds {
                for tier in [nil, "premium"] {
                    for effect in effects {
                        rules.append(PolicyRule(client: client, tier: tier, type: kind, effects: effect))
                    }
                    rules.append(PolicyRule(client: client, tier: tier, type: kind, effects: [:], priority: .high))
                }
            }
        }
        var wrong = 0
        var decided = 0
        for (index, first) in rules.enumerated() {
            for second in rules[(index % 7)...] where second != first {
                let pair = [first, second]
                for mode in OperatingMode.allCases {
                    let table = RuleTable(pair, in: mode)
                    for client in Self.names {
                        for tier in Self.tiers {
                            for type in Self.types {
                                let wanted = Self.plain(pair, mode, client: client, tier: tier, type: type)
                                let said = table?.effect(client: client, tier: tier, type: type)
                                if said != wanted { wrong += 1 }
                                if said != nil { decided += 1 }
                            }
                        }
                    }
                }
            }
        }
        #expect(wrong == 0 && decided > 0)
    }

    @Test func patternsHaveTheirStarAtTheEnd() {
        #expect(NamePattern("*") == .any && NamePattern("a*") == .prefix("a") && NamePattern("a") == .exact("a"))
        #expect(NamePattern("") == nil && NamePattern("*a") == nil && NamePattern("a*b") == nil)
        #expect(NamePattern("a**") == nil)
    }

    /// No table where no rule speaks of the mode, and none while the policy is off.
    @Test func messagesAreLookedUpOnlyWhereARuleSpeaksOfTheMode() {
        var settings = ViabilitySettings()
        settings.policy.rules = [PolicyRule(tier: "premium", effects: [.survive: .keep])]
        #expect(ViableSystem(settings).rules == nil)
        settings.policy.rules.append(PolicyRule(type: .exact("noise"), effects: [.normal: .refuse]))
        var system = ViableSystem(settings)
        #expect(system.rules?.effect(client: "a", tier: nil, type: "noise") == .refuse)
        #expect(system.rules?.effect(client: "a", tier: "premium", type: "chat") == nil)
        #expect(system.reload(Policy()) && system.rules == nil && system.policyVersion == 2)
        settings.isPolicyOn = false
        #expect(ViableSystem(settings).rules == nil)
    }
}
