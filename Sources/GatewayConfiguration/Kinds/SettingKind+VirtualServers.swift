extension SettingKind where Value == [GatewayConfiguration.VirtualServer] {
    /// Addresses that show a part of the servers: a mapping from names to what is shown there.
    static var virtualServers: SettingKind {
        let expectation = "a mapping such as {research: {servers: [search], allow: [\"search_*\"]}}"
        return SettingKind(
            expectation: expectation, argument: .yaml,
            read: { tree throws(Mismatch) in
                if tree.isNull { return [] }
                guard case .mapping(let entries, _) = tree else { throw .expected(expectation, found: tree) }
                var servers: [GatewayConfiguration.VirtualServer] = []
                for entry in entries { servers.append(try VirtualServerEntry.read(entry)) }
                return servers
            },
            show: { servers in
                let parts = servers.map { "\(JSONText.quoted($0.name)): \(VirtualServerEntry.shown($0))" }
                return ShownValue("{\(parts.joined(separator: ", "))}")
            },
            schema: #"""
                {"type": ["object", "null"], "additionalProperties": {"type": "object", "additionalProperties": false, \#
                "properties": {"servers": {}, "allow": {}, "deny": {}, "rename": {"type": ["object", "null"]}}}}
                """#)
    }
}

/// One virtual server in its written form.
private enum VirtualServerEntry {
    private static let known = ["servers", "allow", "deny", "rename"]

    static func read(_ entry: SourceTree.Entry) throws(Mismatch) -> GatewayConfiguration.VirtualServer {
        do throws(Mismatch) {
            return try server(entry.key, entry)
        } catch {
            throw Mismatch(
                message: error.message, within: ".\(entry.key.shortened)\(error.within)", line: error.line ?? entry.line
            )
        }
    }

    private static func server(
        _ name: String, _ entry: SourceTree.Entry
    ) throws(Mismatch) -> GatewayConfiguration.VirtualServer {
        let isName = (1...64).contains(name.utf8.count) && name.utf8.allSatisfy(isNameByte)
        guard isName else {
            throw Mismatch(message: "a virtual server is named by 1 to 64 characters of A-Z a-z 0-9 . _ -")
        }
        guard case .mapping(let fields, _) = entry.value else {
            throw .expected("a mapping with \(known.joined(separator: ", "))", found: entry.value)
        }
        var server = GatewayConfiguration.VirtualServer(name: name)
        for field in fields {
            switch field.key {
            case "servers": server.servers = try list(field)
            case "allow": server.allow = try list(field)
            case "deny": server.deny = try list(field)
            case "rename": server.rename = try names(field)
            default:
                let hint = NearestName.of(field.key, among: known).map { "did you mean \($0)?" }
                throw Mismatch(
                    message:
                        "unknown key \(field.key.shortened); \(hint ?? "known here: \(known.joined(separator: ", "))")",
                    line: field.line)
            }
        }
        return server
    }

    private static func list(_ field: SourceTree.Entry) throws(Mismatch) -> [String] {
        guard case .list(let items, _) = field.value else { return [try name(field.value, field)] }
        var names: [String] = []
        for item in items { names.append(try name(item, field)) }
        return names
    }

    private static func names(_ field: SourceTree.Entry) throws(Mismatch) -> [String: String] {
        guard case .mapping(let pairs, _) = field.value else {
            let problem = Mismatch.expected("a mapping from names to names", found: field.value)
            throw Mismatch(message: problem.message, within: ".\(field.key)", line: field.line)
        }
        var result: [String: String] = [:]
        for pair in pairs { result[pair.key] = try name(pair.value, field) }
        guard Set(result.values).count == result.count else {
            throw Mismatch(message: "two names become the same", within: ".\(field.key)", line: field.line)
        }
        return result
    }

    private static func name(_ tree: SourceTree, _ field: SourceTree.Entry) throws(Mismatch) -> String {
        guard case .scalar(let scalar) = tree, !tree.isNull, !scalar.text.isEmpty else {
            throw Mismatch(
                message: Mismatch.expected("a name", found: tree).message, within: ".\(field.key)", line: field.line)
        }
        return scalar.text
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// A form that is YAML and JSON at once.
    static func shown(_ server: GatewayConfiguration.VirtualServer) -> String {
        var parts: [String] = []
        for (key, names) in [("servers", server.servers), ("allow", server.allow), ("deny", server.deny)]
        where !names.isEmpty {
            parts.append("\"\(key)\": \(JSONText.list(names.map(JSONText.quoted)))")
        }
        if !server.rename.isEmpty {
            let pairs = server.rename.sorted { $0.key < $1.key }
            let names = pairs.map { "\(JSONText.quoted($0.key)): \(JSONText.quoted($0.value))" }
            parts.append("\"rename\": {\(names.joined(separator: ", "))}")
        }
        return "{\(parts.joined(separator: ", "))}"
    }
}
