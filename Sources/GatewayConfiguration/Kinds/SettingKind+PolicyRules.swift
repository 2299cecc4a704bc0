extension SettingKind where Value == [GatewayConfiguration.PolicyRule] {
    /// What becomes of certain messages in certain modes.
    static var policyRules: SettingKind {
        let expectation =
            "a list of {client: …, tier: …, type: …, normal, conserve, survive: keep or refuse, priority: …}"
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
                "survive": {"enum": ["keep", "refuse"]}, "priority": {"enum": ["low", "normal", "high"]}}}}
                """#)
    }
}

/// One rule in its written form.
private enum PolicyRuleEntry {
    /// They are gone through one after the other where types do not tell them apart.
    static let maxRules = 256
    private static let known = ["client", "tier", "type", "normal", "conserve", "survive", "priority"]

    static func read(_ tree: SourceTree) throws(Mismatch) -> GatewayConfiguration.PolicyRule {
        guard case .mapping(let fields, _) = tree else {
            throw .expected("{tier: premium, survive: keep} or the like", found: tree)
        }
        var rule = GatewayConfiguration.PolicyRule()
        for field in fields {
            switch field.key {
            case "client": rule.client = try PolicySubjectField.pattern(field)
            case "tier": rule.tier = try PolicySubjectField.name(field)
            case "type": rule.type = try PolicySubjectField.pattern(field)
            case "priority": rule.priority = try word(field)
            case "normal": rule.normal = try word(field)
            case "conserve": rule.conserve = try word(field)
            case "survive": rule.survive = try word(field)
            default:
                let near = NearestName.of(field.key, among: known)
                let hint = near.map { "did you mean \($0)?" } ?? "known here: \(known.joined(separator: ", "))"
                throw Mismatch(message: "unknown key \(field.key.shortened); \(hint)", line: field.line)
            }
        }
        guard rule.client != nil || rule.tier != nil || rule.type != nil else {
            throw Mismatch(message: "a rule says whom it is about: client, tier or type", line: tree.line)
        }
        guard rule.normal != nil || rule.conserve != nil || rule.survive != nil || rule.priority != nil else {
            throw Mismatch(message: "a rule says what happens: normal, conserve, survive or priority", line: tree.line)
        }
        return rule
    }

    static func text(
        _ rule: GatewayConfiguration.PolicyRule, key: (String) -> String, value: (String) -> String
    ) -> String {
        let fields = [
            ("client", rule.client), ("tier", rule.tier), ("type", rule.type), ("normal", rule.normal?.rawValue),
            ("conserve", rule.conserve?.rawValue), ("survive", rule.survive?.rawValue),
            ("priority", rule.priority?.rawValue),
        ]
        let shown = fields.compactMap { name, text in text.map { "\(key(name)): \(value($0))" } }
        return "{\(shown.joined(separator: ", "))}"
    }

    private static func word<Word: RawRepresentable & CaseIterable & Sendable & Equatable>(
        _ field: SourceTree.Entry
    ) throws(Mismatch) -> Word where Word.RawValue == String {
        do {
            return try SettingKind<Word>.word.read(field.value)
        } catch { throw Mismatch(message: error.message, within: ".\(field.key)", line: field.line) }
    }
}
