import GatewayCore

extension SettingKind where Value == [Route] {
    /// The routing table.
    static var routes: SettingKind {
        let expectation = "a list of {type: …, handler: …}"
        return SettingKind(
            expectation: expectation, argument: .yaml,
            read: { tree throws(Mismatch) in
                guard case .list(let entries, _) = tree else {
                    throw .expected(expectation, found: tree, hint: tree.isNull ? "write [] for none" : nil)
                }
                return try eachNumbered(entries, RouteEntry.read)
            },
            show: { routes in
                ShownValue(
                    yaml: JSONText.list(
                        routes.map { RouteEntry.text($0, key: { $0 }, value: { ShownValue(string: $0).yaml }) }),
                    json: JSONText.list(
                        routes.map { RouteEntry.text($0, key: JSONText.quoted, value: JSONText.quoted) }))
            },
            schema: #"""
                {"type": "array", "items": {"type": "object", "additionalProperties": false, "required": ["type", "handler"], \#
                "properties": {"type": {"type": "string"}, "handler": {"anyOf": [{"enum": ["echo", "events"]}, \#
                {"type": "object", "additionalProperties": false, "properties": {"topic": {"type": "string"}, \#
                "webhook": {"type": "string"}, "mcp": {"type": "object"}, "timeout": {"type": ["string", "integer"]}}}]}}}}
                """#)
    }
}

/// One entry of the routing table in its written form.
private enum RouteEntry {
    private static let typeExpectation = "a message type, a prefix such as chat.* or \"*\""
    private static let handlerExpectation =
        "echo, events, {topic: \"room:lobby\"}, {webhook: \"http://…\"} or {mcp: {server: …, tool: …}}"

    static func read(_ tree: SourceTree) throws(Mismatch) -> Route {
        guard case .mapping(let fields, _) = tree else { throw .expected("{type: …, handler: …}", found: tree) }
        try rejectUnknown(fields, known: ["type", "handler"])
        return Route(
            type: try pattern(try field("type", typeExpectation, of: fields, in: tree)),
            handler: try handler(try field("handler", handlerExpectation, of: fields, in: tree)))
    }

    static func text(_ route: Route, key: (String) -> String, value: (String) -> String) -> String {
        let handler =
            switch route.handler {
            case .echo: value("echo")
            case .events: value("events")
            case .topic(let name): "{\(key("topic")): \(value(name))}"
            case .webhook(let url, let timeout):
                "{\(key("webhook")): \(value(ShownAddress.text(url)))"
                    + (timeout.map { ", \(key("timeout")): \(value(DurationText.text($0)))" } ?? "") + "}"
            case .tool(let tool, let server, let timeout):
                "{\(key("mcp")): {\(key("server")): \(value(server)), \(key("tool")): \(value(tool))}"
                    + (timeout.map { ", \(key("timeout")): \(value(DurationText.text($0)))" } ?? "") + "}"
            }
        return "{\(key("type")): \(value(route.type.text)), \(key("handler")): \(handler)}"
    }

    private static func pattern(_ entry: SourceTree.Entry) throws(Mismatch) -> Route.Pattern {
        guard case .scalar(let scalar) = entry.value, isName(scalar.text), let pattern = Route.Pattern(scalar.text)
        else {
            throw mismatch(typeExpectation, entry)
        }
        return pattern
    }

    private static func handler(_ entry: SourceTree.Entry) throws(Mismatch) -> Route.Handler {
        switch entry.value {
        case .scalar(let scalar) where scalar.text == "echo":
            return .echo
        case .scalar(let scalar) where scalar.text == "events":
            return .events
        case .mapping(let fields, _):
            do {
                let asked = ["webhook", "mcp"].first { key in fields.contains { $0.key == key } }
                try rejectUnknown(fields, known: asked.map { [$0, "timeout"] } ?? ["topic", "webhook", "mcp"])
            } catch {
                throw Mismatch(message: error.message, within: ".handler\(error.within)", line: error.line)
            }
            func value(_ key: String) -> SourceTree.Entry? { fields.first { $0.key == key } }
            if let webhook = value("webhook") {
                return .webhook(
                    try part(webhook, SettingKind<String>.url),
                    timeout: try value("timeout").map { entry throws(Mismatch) in try part(entry, timeout) })
            }
            if let mcp = value("mcp") {
                let (server, tool) = try toolName(mcp)
                return .tool(
                    tool, server: server,
                    timeout: try value("timeout").map { entry throws(Mismatch) in try part(entry, timeout) })
            }
            guard let topic = value("topic") else { throw mismatch(handlerExpectation, entry) }
            guard case .scalar(let scalar) = topic.value, isName(scalar.text) else {
                throw Mismatch(
                    message: Mismatch.expected("the name of a topic", found: topic.value).message,
                    within: ".handler.topic", line: topic.line)
            }
            return .topic(scalar.text)
        default:
            throw mismatch(handlerExpectation, entry)
        }
    }

    /// The server and the tool of `mcp`.
    private static func toolName(_ entry: SourceTree.Entry) throws(Mismatch) -> (server: String, tool: String) {
        guard case .mapping(let fields, _) = entry.value else {
            throw Mismatch(
                message: Mismatch.expected("{server: …, tool: …}", found: entry.value).message, within: ".handler.mcp",
                line: entry.line)
        }
        do {
            try rejectUnknown(fields, known: ["server", "tool"])
        } catch { throw Mismatch(message: error.message, within: ".handler.mcp", line: error.line ?? entry.line) }
        func text(_ key: String) -> String? {
            guard case .scalar(let scalar)? = fields.first(where: { $0.key == key })?.value, isName(scalar.text)
            else { return nil }
            return scalar.text
        }
        guard let server = text("server"), let tool = text("tool") else {
            throw Mismatch(
                message: Mismatch.expected("{server: …, tool: …}", found: entry.value).message, within: ".handler.mcp",
                line: entry.line)
        }
        return (server, tool)
    }

    private static let timeout = SettingKind<Duration>.duration(.milliseconds(10)...(.seconds(3_600)))

    /// Reads a member of a handler.
    private static func part<Value>(
        _ entry: SourceTree.Entry, _ kind: SettingKind<Value>
    ) throws(Mismatch) -> Value {
        do {
            return try kind.read(entry.value)
        } catch {
            throw Mismatch(
                message: error.message, within: ".handler.\(entry.key)\(error.within)", line: error.line ?? entry.line)
        }
    }

    private static func field(
        _ name: String, _ expectation: String, of fields: [SourceTree.Entry], in tree: SourceTree
    ) throws(Mismatch) -> SourceTree.Entry {
        guard let entry = fields.first(where: { $0.key == name }) else {
            throw Mismatch(message: "`\(name)` is missing, expected \(expectation)", line: tree.line)
        }
        return entry
    }

    private static func rejectUnknown(_ fields: [SourceTree.Entry], known: [String]) throws(Mismatch) {
        guard let stranger = fields.first(where: { !known.contains($0.key) }) else { return }
        let near = NearestName.of(stranger.key, among: known)
        let hint = near.map { "did you mean \($0)?" } ?? "known here: \(known.joined(separator: ", "))"
        throw Mismatch(message: "unknown key \(stranger.key.shortened); \(hint)", line: stranger.line)
    }

    private static func mismatch(_ expectation: String, _ entry: SourceTree.Entry) -> Mismatch {
        Mismatch(
            message: Mismatch.expected(expectation, found: entry.value).message, within: ".\(entry.key)",
            line: entry.line)
    }

    private static func isName(_ text: String) -> Bool {
        (1...256).contains(text.utf8.count) && text.withoutControlCharacters == text
    }
}
