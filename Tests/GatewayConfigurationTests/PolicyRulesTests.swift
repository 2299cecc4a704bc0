import Testing

@testable import GatewayConfiguration

/// `policy.rules` and `policy.limits`.
@Suite struct PolicyRulesTests {
    @Test func everyMember() throws {
        let text =
            "[{client: \"s-*\", tier: a, type: t, normal: refuse, conserve: keep, survive: keep, priority: high}]"
        let configuration = try load("policy: {purpose: to serve, rules: \(text)}").configuration
        var rule = GatewayConfiguration.PolicyRule()
        rule.client = "s-*"
        rule.tier = "a"
        rule.type = "t"
        rule.normal = .refuse
        rule.conserve = .keep
        rule.survive = .keep
        rule.priority = .high
        #expect(configuration.policy.rules == [rule] && configuration.policy.purpose == "to serve")
    }

    @Test(arguments: [
        ("[{tier: a}]", "a rule says what happens"), ("[{survive: keep}]", "a rule says whom it is about"),
        ("[{teir: a, survive: keep}]", "did you mean tier?"), ("[{tier: a, survive: kep}]", "keep"),
        ("[{type: \"a*b\", survive: keep}]", "a star stands at the end"), ("[{tier: ~, survive: keep}]", "a name"),
        ("~", "write [] for none"), ("[{tier: a, priority: urgent}]", "priority"),
    ]) func problemsAreNamed(_ value: String, _ expected: String) {
        let found = problems("policy: {rules: \(value)}")
        #expect(found.count == 1 && found[0].hasPrefix("gateway.yaml:1: policy.rules") && found[0].contains(expected))
    }

    @Test func limits() throws {
        let text = "[{client: \"s-*\", tier: a, max_connections: 5, max_rate: 2.5}, {max_rate: 100}]"
        var own = GatewayConfiguration.PolicyLimit()
        own.client = "s-*"
        own.tier = "a"
        own.maxConnections = 5
        own.maxRate = 2.5
        var all = GatewayConfiguration.PolicyLimit()
        all.maxRate = 100
        #expect(try load("policy: {limits: \(text)}").configuration.policy.limits == [own, all])
    }

    @Test(arguments: [
        ("[{tier: a}]", "a limit says how many"), ("[{teir: a, max_rate: 1}]", "did you mean tier?"),
        ("[{max_rate: 0}]", "max_rate"), ("[{max_connections: -1}]", "max_connections"),
        ("[{tier: a, max_rate: 1}, {tier: a, max_connections: 1}]", "about the same clients"),
        ("~", "write [] for none"),
    ]) func problemsOfLimitsAreNamed(_ value: String, _ expected: String) {
        let found = problems("policy: {limits: \(value)}")
        #expect(found.count == 1 && found[0].hasPrefix("gateway.yaml:1: policy.limits") && found[0].contains(expected))
    }
}
