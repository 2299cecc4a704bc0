/// Sources on their way to a configuration: values so far, where each came from, and what is to be said.
struct ConfigurationMerge {
    let table: SettingTable
    var configuration = GatewayConfiguration()
    var origins: [String: Origin] = [:]
    var notices: [String] = []
    private(set) var findings: [Finding] = []

    /// A problem whose place can still be compared.
    struct Finding {
        let place: Origin
        let key: String?
        let message: String
    }

    /// Defaults, then file, then environment, then flags; each later one overrides.
    static func load(
        _ sources: ConfigurationSources, table: SettingTable
    ) throws(ConfigurationError) -> LoadedConfiguration {
        var merge = ConfigurationMerge(table: table)
        if let hostName = sources.hostName { merge.configuration.cluster.nodeID = HostName.nodeID(from: hostName) }
        if let file = sources.file { merge.read(file: file.path, text: file.text) }
        merge.read(environment: sources.environment)
        merge.read(flags: sources.flags)
        // Values that were refused have left their defaults behind; to compare those would only confuse.
        if merge.findings.isEmpty { merge.checkCombinations() }
        guard merge.findings.isEmpty else { throw ConfigurationError(merge.findings) }
        return LoadedConfiguration(
            configuration: merge.configuration, notices: merge.notices, table: table, origins: merge.origins)
    }

    /// Gives a setting its value, or says why not.
    mutating func set(_ setting: Setting, to tree: SourceTree, from origin: Origin) {
        do throws(Mismatch) {
            try setting.store(tree, &configuration)
            origins[setting.key] = origin
        } catch {
            var place = origin
            if case .file(let path, _) = origin, let line = error.line { place = .file(path: path, line: line) }
            let message = setting.isSecret ? "expected \(setting.expectation), found another value" : error.message
            report(place, key: setting.key + error.within, message)
        }
    }

    /// Gives a setting the value that a variable or a flag holds.
    mutating func set(_ setting: Setting, toArgument text: String, from origin: Origin) {
        switch setting.argument {
        case .single:
            set(setting, to: .argument(text), from: origin)
        case .commaSeparated:
            let items = CommaSeparated.items(of: text).map(SourceTree.argument)
            set(setting, to: items.count == 1 ? items[0] : .list(items, line: 0), from: origin)
        case .yaml:
            let document = YAMLDocument(text)
            for fault in document.faults { report(origin, key: setting.key, fault.message) }
            guard document.faults.isEmpty else { return }
            set(setting, to: document.root ?? .argument(text), from: origin)
        }
    }

    /// A problem is one line, whatever strange keys it repeats.
    mutating func report(_ place: Origin, key: String?, _ message: String) {
        findings.append(Finding(place: place, key: key, message: message.withoutControlCharacters))
    }

    /// Brings what was found in the file into the order of its lines.
    mutating func sortFindingsByLine() {
        findings = findings.enumerated()
            .sorted { ($0.element.place.line, $0.offset) < ($1.element.place.line, $1.offset) }
            .map(\.element)
    }
}

extension ConfigurationError {
    fileprivate init(_ findings: [ConfigurationMerge.Finding]) {
        problems = findings.map { Problem(place: $0.place.description, key: $0.key, message: $0.message) }
    }
}

extension SourceTree {
    fileprivate static func argument(_ text: String) -> SourceTree {
        .scalar(.init(text: text, style: .argument, line: 0))
    }
}

/// A list in one argument: `a, b` or `[a, "b"]`.
private enum CommaSeparated {
    static func items(of text: String) -> [String] {
        var list = trimmed(text[...])
        if list.hasPrefix("["), list.hasSuffix("]") { list = list.dropFirst().dropLast() }
        return list.split(separator: ",").map { trimmed($0) }.filter { !$0.isEmpty }.map(unquoted)
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop(while: \.isWhitespace)
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }

    private static func unquoted(_ text: Substring) -> String {
        for quote in ["\"", "'"] where text.count >= 2 && text.hasPrefix(quote) && text.hasSuffix(quote) {
            return String(text.dropFirst().dropLast())
        }
        return String(text)
    }
}
