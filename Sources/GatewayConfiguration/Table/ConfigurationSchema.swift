extension GatewayConfiguration {
    /// The configuration file as JSON Schema (2020-12): for editors, and for checks before a file is shipped. It lets pass what
    /// the gateway accepts, and also values that only the gateway itself can judge.
    public static var schema: String {
        var root = SchemaNode()
        let defaults = GatewayConfiguration()
        for setting in SettingTable.gateway.settings {
            root.insert(setting, setting.key.split(separator: ".")[...], defaults)
        }
        // Sections under their older names are the same sections.
        for (alias, section) in SettingTable.gateway.foreign.sectionAliases {
            root.alias(alias, section.split(separator: "."))
        }
        return """
            {
              "$schema": "https://json-schema.org/draft/2020-12/schema",
              "title": "mcp-gateway",
              "description": "Configuration of mcp-gateway, as gateway.yaml has it",
            \(root.members(indent: "  "))
            }

            """
    }
}

/// A mapping of the file: sections within it, and settings.
private struct SchemaNode {
    private var names: [String] = []
    private var sections: [String: SchemaNode] = [:]
    private var leaves: [String: String] = [:]

    mutating func insert(_ setting: Setting, _ path: ArraySlice<Substring>, _ defaults: GatewayConfiguration) {
        guard let first = path.first.map(String.init) else { return }
        if sections[first] == nil, leaves[first] == nil { names.append(first) }
        guard path.count == 1 else {
            sections[first, default: SchemaNode()].insert(setting, path.dropFirst(), defaults)
            return
        }
        var schema = setting.schema
        schema.removeFirst()
        let note = setting.defaultNote == nil && !setting.isSecret ? setting.shown(in: defaults).json : nil
        leaves[first] =
            "{\"description\": \(JSONText.quoted(setting.help))"
            + (note.map { ", \"default\": \($0)" } ?? "") + ", " + schema
    }

    mutating func alias(_ name: String, _ path: [Substring]) {
        var node: SchemaNode? = self
        for part in path { node = node?.sections[String(part)] }
        guard let node else { return }
        names.append(name)
        sections[name] = node
    }

    /// What makes an object's schema, without the braces around.
    func members(indent: String) -> String {
        let inner = indent + "  "
        let list = names.map { name in
            let value = leaves[name] ?? "{\n\(sections[name]?.members(indent: inner + "  ") ?? "")\n\(inner)}"
            return "\(inner)\(JSONText.quoted(name)): \(value)"
        }
        // A section without anything in it is what remains when all its lines are commented out.
        return """
            \(indent)"type": ["object", "null"],
            \(indent)"additionalProperties": false,
            \(indent)"properties": {
            \(list.joined(separator: ",\n"))
            \(indent)}
            """
    }
}
