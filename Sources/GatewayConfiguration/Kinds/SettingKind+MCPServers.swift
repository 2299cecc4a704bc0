import GatewayCore

extension SettingKind where Value == [GatewayConfiguration.MCPServer] {
    /// The servers behind the gateway, in the form of the ecosystem: a mapping from names to `command` or `url`.
    static var mcpServers: SettingKind {
        let expectation = "a mapping such as {time: {command: uvx, args: [mcp-server-time]}}"
        return SettingKind(
            expectation: expectation, argument: .yaml,
            read: { tree throws(Mismatch) in
                if tree.isNull { return [] }
                guard case .mapping(var entries, _) = tree else { throw .expected(expectation, found: tree) }
                // A whole file of a desktop client: what stands beside the servers is the client's own.
                if let inner = entries.first(where: { $0.key == "mcpServers" }),
                    case .mapping(let servers, _) = inner.value
                {
                    entries = servers
                }
                var servers: [GatewayConfiguration.MCPServer] = []
                for entry in entries { servers.append(try MCPServerEntry.read(entry)) }
                return servers
            },
            show: { servers in
                let parts = servers.map { "\(JSONText.quoted($0.name)): \(MCPServerEntry.shown($0))" }
                return ShownValue("{\(parts.joined(separator: ", "))}")
            },
            // What desktop clients write beside these is read over.
            schema: #"{"type": ["object", "null"], "additionalProperties": {"type": "object"}}"#)
    }
}

/// One server in its written form.
private enum MCPServerEntry {
    static func read(_ entry: SourceTree.Entry) throws(Mismatch) -> GatewayConfiguration.MCPServer {
        let name = entry.key
        let isName = (1...64).contains(name.utf8.count) && name.utf8.allSatisfy(isNameByte)
        guard isName else {
            throw Mismatch(
                message: "a server is named by 1 to 64 characters of A-Z a-z 0-9 . _ -", within: ".\(name.shortened)",
                line: entry.line)
        }
        do throws(Mismatch) {
            return try server(name, entry.value)
        } catch {
            throw Mismatch(message: error.message, within: ".\(name)\(error.within)", line: error.line ?? entry.line)
        }
    }

    private static func server(
        _ name: String, _ tree: SourceTree
    ) throws(Mismatch) -> GatewayConfiguration.MCPServer {
        guard case .mapping(let fields, _) = tree else {
            throw .expected("a mapping with command or url", found: tree)
        }
        // Keys that desktop clients write and that mean nothing to a gateway are read over: `type`, `disabled` is not.
        let known = [
            "command", "args", "env", "cwd", "url", "replicas", "pool", "headers", "stateless", "type", "transport",
            "disabled", "adaptive_limit",
        ]
        if let stranger = fields.first(where: { !known.contains($0.key) }) {
            let hint = NearestName.of(stranger.key, among: known).map { "did you mean \($0)?" }
            throw Mismatch(
                message:
                    "unknown key \(stranger.key.shortened); \(hint ?? "known here: \(known.joined(separator: ", "))")",
                line: stranger.line)
        }
        func value(_ key: String) -> SourceTree? { fields.first { $0.key == key }?.value }
        let isStateless = try flag(value("stateless"), "stateless")
        let isLimited = try value("adaptive_limit").map { tree throws(Mismatch) in try flag(tree, "adaptive_limit") }
        if value("url") != nil || value("replicas") != nil {
            let addresses: [GatewayConfiguration.MCPServer.Replica]
            if let tree = value("url") {
                addresses = [.init(url: try url(tree))]
            } else {
                addresses = try replicas(value("replicas"))
            }
            var server = GatewayConfiguration.MCPServer(
                name: name, target: .url(addresses, headers: try texts(value("headers"), "headers")),
                isStateless: isStateless)
            server.isEventStream = ["type", "transport"].contains { isWord(value($0), "sse") }
            server.isLimited = isLimited
            if let pool = value("pool") { try read(pool, into: &server) }
            return server
        }
        guard let tree = value("command") else {
            throw Mismatch(message: "expected command or url", line: tree.line)
        }
        var server = GatewayConfiguration.MCPServer(
            name: name,
            target: .command(
                try text(tree, "a program"), arguments: try list(value("args")),
                environment: try texts(value("env"), "env"), directory: try value("cwd").map(directory)),
            isStateless: isStateless)
        server.isLimited = isLimited
        return server
    }

    private static func url(_ tree: SourceTree) throws(Mismatch) -> String {
        let url = try text(tree, "a URL")
        guard url.hasPrefix("http://") || url.hasPrefix("https://") || url.hasPrefix("${") else {
            throw Mismatch(
                message:
                    "expected a URL that begins with http:// or https://, found \(ShownAddress.text(tree.description))")
        }
        return url
    }

    /// A list of addresses, each with or without a weight.
    private static func replicas(
        _ tree: SourceTree?
    ) throws(Mismatch) -> [GatewayConfiguration.MCPServer.Replica] {
        let expectation = "a list of {url, weight}"
        guard let tree, case .list(let items, _) = tree, !items.isEmpty else {
            throw Mismatch(message: "expected \(expectation)", within: ".replicas", line: tree?.line)
        }
        let replicas = try eachNumbered(items) { item throws(Mismatch) in
            guard case .mapping(let fields, _) = item else {
                return GatewayConfiguration.MCPServer.Replica(url: try url(item))
            }
            if let stranger = fields.first(where: { $0.key != "url" && $0.key != "weight" }) {
                throw Mismatch(
                    message: "unknown key \(stranger.key.shortened); known here: url, weight", line: stranger.line)
            }
            guard let address = fields.first(where: { $0.key == "url" })?.value else {
                throw .expected("a mapping with url", found: item)
            }
            var replica = GatewayConfiguration.MCPServer.Replica(url: try url(address))
            if let weight = fields.first(where: { $0.key == "weight" })?.value {
                replica.weight = try SettingKind<Double>.number(0.01...1000).read(weight)
            }
            return replica
        }
        guard Set(replicas.map(\.url)).count == replicas.count else {
            throw Mismatch(message: "an address stands there twice", within: ".replicas", line: tree.line)
        }
        return replicas
    }

    private static func read(
        _ tree: SourceTree, into server: inout GatewayConfiguration.MCPServer
    ) throws(Mismatch) {
        guard case .mapping(let fields, _) = tree else { throw .expected("a mapping such as {size: 20}", found: tree) }
        for field in fields {
            switch field.key {
            case "size": server.poolSize = try SettingKind<Int>.integer(1...65_535).read(field.value)
            case "overflow", "max_overflow":
                server.poolOverflow = try SettingKind<Int>.integer(0...65_535).read(field.value)
            default:
                throw Mismatch(
                    message: "unknown key \(field.key.shortened); known here: size, overflow", within: ".pool",
                    line: field.line)
            }
        }
    }

    private static func isWord(_ tree: SourceTree?, _ word: String) -> Bool {
        guard case .scalar(let scalar) = tree else { return false }
        return scalar.text.lowercased() == word
    }

    private static func directory(_ tree: SourceTree) throws(Mismatch) -> String { try text(tree, "a directory") }

    private static func text(_ tree: SourceTree, _ expectation: String) throws(Mismatch) -> String {
        guard case .scalar(let scalar) = tree, !tree.isNull, !scalar.text.isEmpty, !scalar.text.contains("\0") else {
            throw .expected(expectation, found: tree)
        }
        return scalar.text
    }

    private static func list(_ tree: SourceTree?) throws(Mismatch) -> [String] {
        guard let tree, !tree.isNull else { return [] }
        guard case .list(let items, _) = tree else { throw .expected("a list of arguments", found: tree) }
        return try eachNumbered(items) { item throws(Mismatch) in
            guard case .scalar(let scalar) = item else { throw .expected("an argument", found: item) }
            return scalar.text
        }
    }

    private static func texts(_ tree: SourceTree?, _ key: String) throws(Mismatch) -> [String: String] {
        guard let tree, !tree.isNull else { return [:] }
        guard case .mapping(let fields, _) = tree else {
            throw Mismatch(
                message: Mismatch.expected("a mapping of names to texts", found: tree).message, within: ".\(key)")
        }
        var result: [String: String] = [:]
        for field in fields {
            guard case .scalar(let scalar) = field.value else {
                throw Mismatch(
                    message: Mismatch.expected("a text", found: field.value).message, within: ".\(key).\(field.key)",
                    line: field.line)
            }
            result[field.key] = scalar.text
        }
        return result
    }

    private static func flag(_ tree: SourceTree?, _ key: String) throws(Mismatch) -> Bool {
        guard let tree else { return false }
        guard case .scalar(let scalar) = tree, ["true", "false"].contains(scalar.text) else {
            throw Mismatch(message: Mismatch.expected("true or false", found: tree).message, within: ".\(key)")
        }
        return scalar.text == "true"
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// A form that is YAML and JSON at once. Values of headers and variables may be secrets: they are not shown.
    static func shown(_ server: GatewayConfiguration.MCPServer) -> String {
        var parts: [String] = []
        func hidden(_ names: some Sequence<String>) -> String {
            "{" + names.sorted().map { "\(JSONText.quoted($0)): \"********\"" }.joined(separator: ", ") + "}"
        }
        switch server.target {
        case .url(let replicas, let headers):
            if let only = replicas.first, replicas.count == 1, only.weight == 1 {
                parts.append("\"url\": \(JSONText.quoted(ShownAddress.text(only.url)))")
            } else {
                let shown = replicas.map {
                    "{\"url\": \(JSONText.quoted(ShownAddress.text($0.url))), \"weight\": \(Numeral.text($0.weight))}"
                }
                parts.append("\"replicas\": \(JSONText.list(shown))")
            }
            if server.isEventStream { parts.append("\"type\": \"sse\"") }
            let pool = [("size", server.poolSize), ("overflow", server.poolOverflow)]
                .compactMap { name, number in number.map { "\"\(name)\": \($0)" } }
            if !pool.isEmpty { parts.append("\"pool\": {\(pool.joined(separator: ", "))}") }
            if !headers.isEmpty { parts.append("\"headers\": \(hidden(headers.keys))") }
        case .command(let command, let arguments, let environment, let directory):
            parts.append("\"command\": \(JSONText.quoted(command))")
            if !arguments.isEmpty {
                parts.append("\"args\": \(JSONText.list(arguments.map(JSONText.quoted)))")
            }
            if !environment.isEmpty { parts.append("\"env\": \(hidden(environment.keys))") }
            if let directory { parts.append("\"cwd\": \(JSONText.quoted(directory))") }
        }
        if server.isStateless { parts.append("\"stateless\": true") }
        if let isLimited = server.isLimited { parts.append("\"adaptive_limit\": \(isLimited)") }
        return "{\(parts.joined(separator: ", "))}"
    }
}
