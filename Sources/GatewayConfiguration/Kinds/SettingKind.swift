/// What a setting can be: how it is read, what is said when it cannot be read, and how it is shown.
struct SettingKind<Value: Sendable>: Sendable {
    /// Completes "expected …".
    let expectation: String
    /// How the text of a variable or a flag is taken apart before it is read.
    let argument: ArgumentForm
    let read: @Sendable (SourceTree) throws(Mismatch) -> Value
    let show: @Sendable (Value) -> ShownValue
    /// What it can be in a file, as JSON Schema. It may let more pass than `read` does, never less.
    var schema = #"{"type": "string"}"#
}

/// How the text of a variable or a flag is taken apart.
enum ArgumentForm: Sendable {
    /// As one value.
    case single
    /// At commas, with or without brackets around.
    case commaSeparated
    /// As YAML.
    case yaml
}

/// A value as it is printed. What `yaml` says reads back as the same value.
struct ShownValue: Sendable, Equatable {
    let yaml: String
    let json: String

    /// The same form for both.
    init(_ text: String) { self.init(yaml: text, json: text) }

    init(yaml: String, json: String) {
        self.yaml = yaml
        self.json = json
    }

    /// A string: without quotes in YAML where that is safe.
    init(string: String) {
        let quoted = JSONText.quoted(string)
        self.init(yaml: Self.isPlain(string) ? string : quoted, json: quoted)
    }

    private static func isPlain(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first, text.lowercased() != "null" else { return false }
        let isWordLike = text.unicodeScalars.allSatisfy {
            HostName.isPermitted($0) || $0 == "/" || $0 == ":" || $0 == "@"
        }
        return isWordLike && HostName.isPermitted(first) && !text.hasPrefix("-") && !text.hasSuffix(":")
            && !text.contains("::") && text != "..." && text != "---"
    }
}

extension SettingKind {
    /// A kind that is written as one scalar; `parse` answers `nil` for a text that it does not want.
    static func scalar(
        _ expectation: String, schema: String = #"{"type": "string"}"#,
        hint: @escaping @Sendable (SourceTree.Scalar) -> String? = { _ in nil },
        parse: @escaping @Sendable (SourceTree.Scalar) -> Value?,
        show: @escaping @Sendable (Value) -> ShownValue
    ) -> SettingKind {
        SettingKind(
            expectation: expectation, argument: .single,
            read: { tree throws(Mismatch) in
                guard case .scalar(let scalar) = tree, !tree.isNull else {
                    throw .expected(expectation, found: tree)
                }
                guard let value = parse(scalar) else {
                    throw .expected(expectation, found: tree, hint: hint(scalar))
                }
                return value
            }, show: show, schema: schema)
    }

    /// A kind that may also be absent: no value, `~` or `null`.
    static func optional<Wrapped>(_ kind: SettingKind<Wrapped>) -> SettingKind where Value == Wrapped? {
        SettingKind(
            expectation: "\(kind.expectation), or nothing", argument: kind.argument,
            read: { tree throws(Mismatch) in tree.isNull || tree.isArgumentForNothing ? nil : try kind.read(tree) },
            show: { $0.map(kind.show) ?? ShownValue(yaml: "~", json: "null") },
            schema: #"{"anyOf": [{"type": "null"}, \#(kind.schema)]}"#)
    }

    /// A list of a kind; one value alone is a list of one.
    static func list<Element>(
        _ expectation: String, of kind: SettingKind<Element>, minimum: Int = 0
    ) -> SettingKind where Value == [Element] {
        SettingKind(
            expectation: expectation, argument: .commaSeparated,
            read: { tree throws(Mismatch) in
                guard case .list(let items, _) = tree else {
                    if tree.isNull { throw .expected(expectation, found: tree, hint: "write [] for none") }
                    return [try kind.read(tree)]
                }
                guard items.count >= minimum else {
                    throw Mismatch(message: "expected \(expectation), found an empty list")
                }
                return try eachNumbered(items, kind.read)
            },
            show: { values in
                let shown = values.map(kind.show)
                return ShownValue(yaml: JSONText.list(shown.map(\.yaml)), json: JSONText.list(shown.map(\.json)))
            },
            schema:
                #"{"anyOf": [\#(kind.schema), {"type": "array", "minItems": \#(minimum), "items": \#(kind.schema)}]}"#)
    }
}

/// Reads each item; a mismatch says which one it was, counted from 1.
func eachNumbered<Value>(
    _ items: [SourceTree], _ read: (SourceTree) throws(Mismatch) -> Value
) throws(Mismatch) -> [Value] {
    var values: [Value] = []
    for (index, item) in items.enumerated() {
        do {
            values.append(try read(item))
        } catch {
            throw Mismatch(
                message: error.message, within: "[\(index + 1)]\(error.within)", line: error.line ?? item.line)
        }
    }
    return values
}
