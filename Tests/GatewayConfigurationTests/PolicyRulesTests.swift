import Testing

@testable import GatewayConfiguration

/// `policy.rules`.
@Suite struct PolicyRulesTests {
    @Test func everyMember() throws {
        let text = "[{client: \"s-*\", tier: a, type: t, normal: refuse, conserve: keep, survive: keep}]"
        let configuration = try load("policy: {purpose: to serve, rules: \(text)}").configuration
        var rule = GatewayConfiguration.PolicyRule()
        rule.client = "s-*"
        rule.tier = "a"
        rule.type = "t"
        rule.normal = .refuse
        rule.conserve = .keep
        rule.survive = .keep
        #expect(configuration.policy.rules == [rule] && configuration.policy.purpose == "to serve")
    }

    @Test(arguments: [
        ("[{tier: a}]", "a rule says what happens"), ("[{survive: keep}]", "a rule says whom it is about"),
        ("[{teir: a, survive: keep}]", "did you mean tier?"), ("[{tier: a, survive: kep}]", "keep"),
        ("[{type: \"a*b\", survive: keep}]", "a star stands at the end"), ("[{tier: ~, survive: keep}]", "a name"),
        ("~", "write [] for none"),
    ]) func problemsAreNamed(_ value: String, _ expected: String) {
        let found = problems("policy: {rules: \(value)}")
        #expect(found.count == 1 && found[0].hasPrefix("gateway.yaml:1: policy.rules") && found[0].contains(expected))
    }
}
