extension SettingKind where Value == [GatewayConfiguration.PolicyLimit] {
    /// What certain clients may not cross together.
    static var policyLimits: SettingKind {
        let expectation = "a list of {client: …, tier: …, max_connections: …, max_rate: …}"
        return SettingKind(
            expectation: expectation, argument: .yaml,
            read: { tree throws(Mismatch) in
                guard case .list(let entries, _) = tree else {
                    throw .expected(expectation, found: tree, hint: tree.isNull ? "write [] for none" : nil)
                }
                guard entries.count <= PolicyLimitEntry.maxLimits else {
                    throw Mismatch(
                        message: "there are \(entries.count) limits, at most \(PolicyLimitEntry.maxLimits) may be")
                }
                let limits = try eachNumbered(entries, PolicyLimitEntry.read)
                for (place, limit) in limits.enumerated()
                where limits[..<place].contains(where: { $0.client == limit.client && $0.tier == limit.tier }) {
                    throw Mismatch(
                        message: "two limits are about the same clients; write both bounds in one",
                        within: "[\(place)]", line: entries[place].line)
                }
                return limits
            },
            show: { limits in
                ShownValue(
                    yaml: JSONText.list(
                        limits.map { PolicyLimitEntry.text($0, key: { $0 }, value: { ShownValue(string: $0).yaml }) }),
                    json: JSONText.list(
                        limits.map { PolicyLimitEntry.text($0, key: JSONText.quoted, value: JSONText.quoted) }))
            },
            schema: #"""
                {"type": "array", "maxItems": 64, "items": {"type": "object", "additionalProperties": false, \#
                "properties": {"client": {"type": "string"}, "tier": {"type": "string"}, \#
                "max_connections": {"type": "integer", "minimum": 0}, \#
                "max_rate": {"type": "number", "exclusiveMinimum": 0}}}}
                """#)
    }
}

/// One limit in its written form.
private enum PolicyLimitEntry {
    /// They are gone through one after the other for each message.
    static let maxLimits = 64
    private static let known = ["client", "tier", "max_connections", "max_rate"]

    static func read(_ tree: SourceTree) throws(Mismatch) -> GatewayConfiguration.PolicyLimit {
        guard case .mapping(let fields, _) = tree else {
            throw .expected("{tier: trial, max_connections: 100} or the like", found: tree)
        }
        var limit = GatewayConfiguration.PolicyLimit()
        for field in fields {
            switch field.key {
            case "client": limit.client = try PolicySubjectField.pattern(field)
            case "tier": limit.tier = try PolicySubjectField.name(field)
            case "max_connections":
                limit.maxConnections = try number(field) { tree throws(Mismatch) in
                    try SettingKind<Int>.integer(0...10_000_000).read(tree)
                }
            case "max_rate":
                limit.maxRate = try number(field) { tree throws(Mismatch) in
                    try SettingKind<Double>.number(0.001...10_000_000).read(tree)
                }
            default:
                let near = NearestName.of(field.key, among: known)
                let hint = near.map { "did you mean \($0)?" } ?? "known here: \(known.joined(separator: ", "))"
                throw Mismatch(message: "unknown key \(field.key.shortened); \(hint)", line: field.line)
            }
        }
        guard limit.maxConnections != nil || limit.maxRate != nil else {
            throw Mismatch(message: "a limit says how many: max_connections, max_rate or both", line: tree.line)
        }
        return limit
    }

    static func text(
        _ limit: GatewayConfiguration.PolicyLimit, key: (String) -> String, value: (String) -> String
    ) -> String {
        let fields = [
            ("client", limit.client.map(value)), ("tier", limit.tier.map(value)),
            ("max_connections", limit.maxConnections.map { "\($0)" }), ("max_rate", limit.maxRate.map { "\($0)" }),
        ]
        return "{\(fields.compactMap { name, text in text.map { "\(key(name)): \($0)" } }.joined(separator: ", "))}"
    }

    private static func number<Number>(
        _ field: SourceTree.Entry, _ read: (SourceTree) throws(Mismatch) -> Number
    ) throws(Mismatch) -> Number {
        do {
            return try read(field.value)
        } catch { throw Mismatch(message: error.message, within: ".\(field.key)", line: field.line) }
    }
}

/// How entries of the policy say whom they are about.
enum PolicySubjectField {
    static func name(_ field: SourceTree.Entry) throws(Mismatch) -> String {
        guard case .scalar(let scalar) = field.value, !field.value.isNull, (1...255).contains(scalar.text.utf8.count)
        else {
            throw Mismatch(
                message: Mismatch.expected("a name of 1 to 255 bytes", found: field.value).message,
                within: ".\(field.key)", line: field.line)
        }
        return scalar.text
    }

    static func pattern(_ field: SourceTree.Entry) throws(Mismatch) -> String {
        let text = try name(field)
        guard !text.dropLast().contains("*") else {
            throw Mismatch(
                message: "a star stands at the end or nowhere: name, prefix* or \"*\"", within: ".\(field.key)",
                line: field.line)
        }
        return text
    }
}
