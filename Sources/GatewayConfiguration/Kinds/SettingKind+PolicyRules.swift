extension SettingKind where Value == [GatewayConfiguration.PolicyRule] {
    /// What becomes of certain messages in certain modes.
    static var policyRules: SettingKind {
        let expectation = "a list of {client: …, tier: …, type: …, normal, conserve, survive: keep or refuse}"
        return SettingKind(
            expectation: expectation, argument: .yaml,
            read: { tree throws(Mismatch) in
                guard case .list(let entries, _) = tree else {
                    throw .expected(expectation, found: tree, hint: tree.isNull ? "write [] for none" : nil)
                }
                guard entries.count <= PolicyRuleEntry.maxRules else {
                    throw Mismatch(
                        message: "there are \(entries.count) rules, at most \(PolicyRuleEntry.maxRules) may be")
                }
                return try eachNumbered(entries, PolicyRuleEntry.read)
            },
            show: { rules in
                ShownValue(
                    yaml: JSONText.list(
                        rules.map { PolicyRuleEntry.text($0, key: { $0 }, value: { ShownValue(string: $0).yaml }) }),
                    json: JSONText.list(
                        rules.map { PolicyRuleEntry.text($0, key: JSONText.quoted, value: JSONText.quoted) }))
            },
            schema: #"""
                {"type": "array", "maxItems": 256, "items": {"type": "object", "additionalProperties": false, \#
                "properties": {"client": {"type": "string"}, "tier": {"type": "string"}, "type": {"type": "string"}, \#
                "normal": {"enum": ["keep", "refuse"]}, "conserve": {"enum": ["keep", "refuse"]}, \#
                "survive": {"enum": ["keep", "refuse"]}}}}
                """#)
    }
}

/// One rule in its written form.
private enum PolicyRuleEntry {
    /// They are gone through one after the other where types do not tell them apart.
    static let maxRules = 256
    private static let known = ["client", "tier", "type", "normal", "conserve", "survive"]

    static func read(_ tree: SourceTree) throws(Mismatch) -> GatewayConfiguration.PolicyRule {
        guard case .mapping(let fields, _) = tree else {
            throw .expected("{tier: premium, survive: keep} or the like", found: tree)
        }
        var rule = GatewayConfiguration.PolicyRule()
        for field in fields {
            switch field.key {
            case "client": rule.client = try pattern(field)
            case "tier": rule.tier = try name(field)
            case "type": rule.type = try pattern(field)
            case "normal": rule.normal = try effect(field)
            case "conserve": rule.conserve = try effect(field)
            case "survive": rule.survive = try effect(field)
            default:
                let near = NearestName.of(field.key, among: known)
                let hint = near.map { "did you mean \($0)?" } ?? "known here: \(known.joined(separator: ", "))"
                throw Mismatch(message: "unknown key \(field.key.shortened); \(hint)", line: field.line)
            }
        }
        guard rule.client != nil || rule.tier != nil || rule.type != nil else {
            throw Mismatch(message: "a rule says whom it is about: client, tier or type", line: tree.line)
        }
        guard rule.normal != nil || rule.conserve != nil || rule.survive != nil else {
            throw Mismatch(message: "a rule says what happens: normal, conserve or survive", line: tree.line)
        }
        return rule
    }

    static func text(
        _ rule: GatewayConfiguration.PolicyRule, key: (String) -> String, value: (String) -> String
    ) -> String {
        let fields = [
            ("client", rule.client), ("tier", rule.tier), ("type", rule.type), ("normal", rule.normal?.rawValue),
            ("conserve", rule.conserve?.rawValue), ("survive", rule.survive?.rawValue),
        ]
        let shown = fields.compactMap { name, text in text.map { "\(key(name)): \(value($0))" } }
        return "{\(shown.joined(separator: ", "))}"
    }

    private static func effect(
        _ field: SourceTree.Entry
    ) throws(Mismatch) -> GatewayConfiguration.PolicyRule.Effect {
        do {
            return try SettingKind<GatewayConfiguration.PolicyRule.Effect>.word.read(field.value)
        } catch { throw Mismatch(message: error.message, within: ".\(field.key)", line: field.line) }
    }

    private static func name(_ field: SourceTree.Entry) throws(Mismatch) -> String {
        guard case .scalar(let scalar) = field.value, !field.value.isNull, (1...255).contains(scalar.text.utf8.count)
        else {
            throw Mismatch(
                message: Mismatch.expected("a name of 1 to 255 bytes", found: field.value).message,
                within: ".\(field.key)", line: field.line)
        }
        return scalar.text
    }

    private static func pattern(_ field: SourceTree.Entry) throws(Mismatch) -> String {
        let text = try name(field)
        guard !text.dropLast().contains("*") else {
            throw Mismatch(
                message: "a star stands at the end or nowhere: name, prefix* or \"*\"", within: ".\(field.key)",
                line: field.line)
        }
        return text
    }
}
