/// One row of the setting table: everything there is to know about one key.
struct Setting: Sendable {
    /// Full key, `transports.http_sse.port`.
    let key: String
    /// One line for people.
    let help: String
    /// Completes "expected …".
    let expectation: String
    /// What it can be in a file, as JSON Schema.
    let schema: String
    /// How the text of a variable or a flag is taken apart.
    let argument: ArgumentForm
    /// The environment variables that set it; the first one that is set wins. The one named after the key is always
    /// among them, last unless it is given a place.
    let variables: [Variable]
    /// Whether the value is kept out of everything that is printed.
    let isSecret: Bool
    /// What stands in documentation when the default differs from machine to machine.
    let defaultNote: String?
    /// Reads a value and puts it where it belongs.
    let store: @Sendable (SourceTree, inout GatewayConfiguration) throws(Mismatch) -> Void
    private let show: @Sendable (GatewayConfiguration) -> ShownValue

    init<Value>(
        _ key: String, _ path: any WritableKeyPath<GatewayConfiguration, Value> & Sendable, _ kind: SettingKind<Value>,
        _ help: String, variables: [Variable] = [], isSecret: Bool = false, defaultNote: String? = nil
    ) {
        self.key = key
        self.help = help
        self.expectation = kind.expectation
        self.schema = kind.schema
        self.argument = kind.argument
        let ownVariable = Variable(ofKey: key)
        self.variables = variables.contains(ownVariable) ? variables : variables + [ownVariable]
        self.isSecret = isSecret
        self.defaultNote = defaultNote
        self.store = { tree, configuration throws(Mismatch) in configuration[keyPath: path] = try kind.read(tree) }
        self.show = { configuration in kind.show(configuration[keyPath: path]) }
    }

    /// The value as it may be printed: a secret never is, only that there is none.
    func shown(in configuration: GatewayConfiguration) -> ShownValue {
        let value = show(configuration)
        return isSecret && value.json != "null" && value.json != "[]" ? ShownValue(string: "********") : value
    }

    /// Whether two configurations have the same value, secrets included.
    func isSame(in one: GatewayConfiguration, as other: GatewayConfiguration) -> Bool { show(one) == show(other) }

    /// `transports.http_sse` and `port`.
    var section: Substring? { key.lastIndex(of: ".").map { key[..<$0] } }

    /// The last part of the key.
    var name: Substring { key.lastIndex(of: ".").map { key[key.index(after: $0)...] } ?? key[...] }
}

/// An environment variable that sets a key.
struct Variable: Sendable, Equatable, ExpressibleByStringLiteral {
    let name: String
    /// When present, only these texts count, and they stand for what the key then gets.
    private let meanings: [String: String]?

    init(stringLiteral name: String) {
        self.name = name
        meanings = nil
    }

    /// A variable of which only certain values mean something here.
    init(_ name: String, meanings: [String: String]) {
        self.name = name
        self.meanings = meanings
    }

    /// `MCP_` and the key in upper case with underscores.
    init(ofKey key: String) {
        name = "MCP_" + key.uppercased().map { $0 == "." ? "_" : String($0) }.joined()
        meanings = nil
    }

    /// What the key gets when the variable holds `text`; `nil` when that concerns it not.
    func value(of text: String) -> String? {
        guard let meanings else { return text }
        return meanings[text]
    }
}
