/// An accepted configuration, what is worth saying about it, and where each value came from.
public struct LoadedConfiguration: Sendable {
    /// The effective values.
    public let configuration: GatewayConfiguration
    /// One line each: aliases that were used, names that are accepted but not needed, unknown `MCP_` variables.
    public let notices: [String]

    let table: SettingTable
    let origins: [String: Origin]

    /// Where the value of a key came from: `default`, `gateway.yaml:12`, `MCP_SSE_PORT`, `--port`; `nil` for an
    /// unknown key.
    public func origin(of key: String) -> String? {
        table[key].map { (origins[$0.key] ?? .builtIn).description }
    }

    /// What differs from an earlier configuration: keys that take effect in a running gateway, and keys that do not.
    public func changes(since earlier: LoadedConfiguration) -> (live: [String], restart: [String]) {
        let keys = table.settings.filter { !$0.isSame(in: configuration, as: earlier.configuration) }.map(\.key)
        return (keys.filter(SettingTable.liveKeys.contains), keys.filter { !SettingTable.liveKeys.contains($0) })
    }

    /// The effective configuration, each value with its origin, secrets hidden.
    ///
    /// As text it is a YAML file with the origins as comments, which loads as the same configuration. As JSON it is an
    /// object `{"transports.http.port": {"value": 4000, "origin": "default"}, …}`; durations are milliseconds, sizes
    /// bytes.
    public func render(json: Bool) -> String { json ? renderJSON() : renderYAML() }

    private func renderJSON() -> String {
        let lines = table.settings.map { setting in
            let origin = JSONText.quoted((origins[setting.key] ?? .builtIn).description)
            let value = setting.shown(in: configuration).json
            return "  \(JSONText.quoted(setting.key)): {\"value\": \(value), \"origin\": \(origin)}"
        }
        return "{\n\(lines.joined(separator: ",\n"))\n}\n"
    }

    private func renderYAML() -> String {
        var lines: [(text: String, comment: String?)] = []
        var open: [Substring] = []
        for setting in table.settings {
            let sections = setting.section?.split(separator: ".") ?? []
            let common = zip(open, sections).prefix { $0 == $1 }.count
            for depth in common..<sections.count { lines.append((Self.indent(depth) + sections[depth] + ":", nil)) }
            open = sections
            let value = setting.shown(in: configuration).yaml
            let origin = (origins[setting.key] ?? .builtIn).description.withoutControlCharacters
            lines.append(("\(Self.indent(sections.count))\(setting.name): \(value)", origin))
        }
        let column = min(60, lines.lazy.map(\.text.count).max() ?? 0)
        return lines.map { text, comment in
            guard let comment else { return text + "\n" }
            return text + String(repeating: " ", count: max(0, column - text.count)) + "  # \(comment)\n"
        }.joined()
    }

    private static func indent(_ depth: Int) -> String { String(repeating: "  ", count: depth) }
}
