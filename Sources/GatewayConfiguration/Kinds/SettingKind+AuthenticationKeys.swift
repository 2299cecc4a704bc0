extension SettingKind where Value == [AuthenticationKey] {
    /// What tokens are checked with.
    static var authenticationKeys: SettingKind {
        let expectation = "a list of {algorithm: …, file: …} and {jwks: …}"
        return SettingKind(
            expectation: expectation, argument: .yaml,
            read: { tree throws(Mismatch) in
                guard case .list(let entries, _) = tree else {
                    throw .expected(expectation, found: tree, hint: tree.isNull ? "write [] for none" : nil)
                }
                return try eachNumbered(entries, KeyEntry.read)
            },
            show: { keys in
                ShownValue(
                    yaml: JSONText.list(
                        keys.map { KeyEntry.text($0, key: { $0 }, value: { ShownValue(string: $0).yaml }) }),
                    json: JSONText.list(
                        keys.map { KeyEntry.text($0, key: JSONText.quoted, value: JSONText.quoted) }))
            },
            schema: #"""
                {"type": "array", "items": {"anyOf": [{"type": "object", "additionalProperties": false, \#
                "required": ["jwks"], "properties": {"jwks": {"type": "string"}}}, {"type": "object", \#
                "additionalProperties": false, "required": ["algorithm", "file"], "properties": {"algorithm": \#
                {"enum": [\#(AuthenticationKey.algorithms.map(JSONText.quoted).joined(separator: ", "))]}, \#
                "file": {"type": "string"}, "id": {"type": "string"}}}]}}
                """#)
    }
}

/// One key in its written form.
private enum KeyEntry {
    static func read(_ tree: SourceTree) throws(Mismatch) -> AuthenticationKey {
        guard case .mapping(let fields, _) = tree else {
            throw .expected("{algorithm: …, file: …} or {jwks: …}", found: tree)
        }
        let known = fields.contains { $0.key == "jwks" } ? ["jwks"] : ["algorithm", "file", "id"]
        if let stranger = fields.first(where: { !known.contains($0.key) }) {
            throw Mismatch(
                message: "unknown key \(stranger.key.shortened); known here: \(known.joined(separator: ", "))",
                line: stranger.line)
        }
        func text(_ name: String) throws(Mismatch) -> String? {
            guard let entry = fields.first(where: { $0.key == name }) else { return nil }
            guard case .scalar(let scalar) = entry.value, (1...2048).contains(scalar.text.utf8.count),
                scalar.text.withoutControlCharacters == scalar.text
            else {
                throw Mismatch(
                    message: Mismatch.expected("a text", found: entry.value).message, within: ".\(name)",
                    line: entry.line)
            }
            return scalar.text
        }
        if let place = try text("jwks") {
            guard !place.contains("://") || URLText.isValid(place) else {
                throw Mismatch(
                    message: "expected a path or a URL that begins with http:// or https://", within: ".jwks",
                    line: tree.line)
            }
            return .keySet(place)
        }
        guard let algorithm = try text("algorithm"), AuthenticationKey.algorithms.contains(algorithm) else {
            throw Mismatch(
                message: "`algorithm` must be one of \(AuthenticationKey.algorithms.joined(separator: ", "))",
                line: tree.line)
        }
        guard let file = try text("file") else {
            throw Mismatch(message: "`file` is missing, expected the path of a public key, PEM", line: tree.line)
        }
        return .file(file, algorithm: algorithm, id: try text("id"))
    }

    static func text(_ entry: AuthenticationKey, key: (String) -> String, value: (String) -> String) -> String {
        switch entry {
        case .keySet(let place): "{\(key("jwks")): \(value(place))}"
        case .file(let path, let algorithm, let id):
            "{\(key("algorithm")): \(value(algorithm)), \(key("file")): \(value(path))"
                + (id.map { ", \(key("id")): \(value($0))" } ?? "") + "}"
        }
    }
}
