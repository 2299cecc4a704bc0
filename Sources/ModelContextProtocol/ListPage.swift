import WireJSON

/// One page of a list of tools, prompts, resources or templates: places of the items, and where the list goes on.
public struct ListPage: Sendable {
    /// An item of the list.
    public struct Item: Sendable {
        /// The whole object.
        public let span: JSONSpan
        /// Its name (tools, prompts) or URI (resources, templates), in quotes.
        public let name: JSONSpan
        /// The same as text.
        public let nameText: String
        /// A tool that says of itself that calling it twice does no harm.
        public let isRepeatable: Bool
        /// Which of a tool's arguments are repeated in headers (2026-07-28).
        public let parameterHeaders: [ParameterHeader]
    }

    public private(set) var items: [Item] = []
    /// What the next request is to give as its cursor, in quotes.
    public private(set) var nextCursor: JSONSpan?
    /// How long the page may be kept, in milliseconds (2026-07-28).
    public private(set) var timeToLive: Int?
    /// Whether others may be given the page too (2026-07-28).
    public private(set) var isPublic = false

    /// Reads the `result` of a list request.
    /// - Parameters:
    ///   - bytes: the whole message.
    ///   - span: the result's place in it.
    ///   - list: which member is the list, and what its items go by.
    public init(_ bytes: UnsafeRawBufferPointer, _ span: JSONSpan, _ list: ListKind, maxDepth: Int) throws(RPCError) {
        var scanner = JSONScanner(
            UnsafeRawBufferPointer(rebasing: bytes[span.offset..<span.end]), maxDepth: maxDepth)
        do throws(JSONError) {
            try read(&scanner, bytes, span.offset, list)
        } catch { throw .internalError("the server's answer is not a list: \(error.reason)") }
    }

    private mutating func read(
        _ scanner: inout JSONScanner, _ bytes: UnsafeRawBufferPointer, _ base: Int, _ list: ListKind
    ) throws(JSONError) {
        func moved(_ span: JSONSpan) -> JSONSpan { JSONSpan(offset: span.offset + base, length: span.length) }
        guard try scanner.beginObject() else { return }
        repeat {
            let key = RPCMessage.text(moved(try scanner.key()), bytes)
            if key == list.member, try scanner.peek() == UInt8(ascii: "[") {
                guard try scanner.beginArray() else { continue }
                repeat {
                    if let item = try Self.item(&scanner, bytes, base, list) { items.append(item) }
                } while try scanner.nextElement()
                continue
            }
            let value = moved(try scanner.value())
            switch key {
            case "nextCursor": if bytes[value.offset] == UInt8(ascii: "\"") { nextCursor = value }
            case "ttlMs": timeToLive = RPCMessage.integer(value, bytes)
            case "cacheScope": isPublic = RPCMessage.text(value, bytes) == "public"
            default: break
            }
        } while try scanner.nextMember()
    }

    private static func item(
        _ scanner: inout JSONScanner, _ bytes: UnsafeRawBufferPointer, _ base: Int, _ list: ListKind
    ) throws(JSONError) -> Item? {
        guard try scanner.peek() == UInt8(ascii: "{") else {
            _ = try scanner.value()
            return nil
        }
        let start = scanner.index + base
        var name: JSONSpan?
        var isRepeatable = false
        var parameterHeaders: [ParameterHeader] = []
        if try scanner.beginObject() {
            repeat {
                let key = try scanner.key()
                let text = RPCMessage.text(JSONSpan(offset: key.offset + base, length: key.length), bytes)
                if text == "annotations", try scanner.peek() == UInt8(ascii: "{") {
                    isRepeatable = try annotations(&scanner, bytes, base)
                    continue
                }
                let value = try scanner.value()
                if list == .tools, text == "inputSchema" {
                    parameterHeaders = ParameterHeader.read(
                        UnsafeRawBufferPointer(rebasing: bytes[(value.offset + base)..<(value.end + base)]))
                }
                if text == list.key { name = JSONSpan(offset: value.offset + base, length: value.length) }
            } while try scanner.nextMember()
        }
        guard let name else { return nil }
        let text = RPCMessage.text(name, bytes)
        guard !text.isEmpty else { return nil }
        return Item(
            span: JSONSpan(offset: start, length: scanner.index + base - start), name: name, nameText: text,
            isRepeatable: isRepeatable, parameterHeaders: parameterHeaders)
    }

    /// Whether `readOnlyHint` or `idempotentHint` is true.
    private static func annotations(
        _ scanner: inout JSONScanner, _ bytes: UnsafeRawBufferPointer, _ base: Int
    ) throws(JSONError) -> Bool {
        var isRepeatable = false
        guard try scanner.beginObject() else { return false }
        repeat {
            let key = try scanner.key()
            let value = try scanner.value()
            let text = RPCMessage.text(JSONSpan(offset: key.offset + base, length: key.length), bytes)
            if text == "readOnlyHint" || text == "idempotentHint", bytes[value.offset + base] == UInt8(ascii: "t") {
                isRepeatable = true
            }
        } while try scanner.nextMember()
        return isRepeatable
    }
}

/// What can be listed.
public enum ListKind: Sendable, CaseIterable {
    case tools, prompts, resources, resourceTemplates
    /// What a client's calls have become where their servers made tasks of them (2025-11-25).
    case tasks

    /// The request that lists them.
    public var method: RPCMethod {
        switch self {
        case .tools: .listTools
        case .prompts: .listPrompts
        case .resources: .listResources
        case .resourceTemplates: .listResourceTemplates
        case .tasks: .listTasks
        }
    }

    /// The list of a request, if it is one that lists.
    public init?(_ method: RPCMethod?) {
        guard let kind = ListKind.allCases.first(where: { $0.method == method }) else { return nil }
        self = kind
    }

    /// The member of the result that is the list.
    public var member: String {
        switch self {
        case .tools: "tools"
        case .prompts: "prompts"
        case .resources: "resources"
        case .resourceTemplates: "resourceTemplates"
        case .tasks: "tasks"
        }
    }

    /// What an item goes by.
    public var key: String {
        switch self {
        case .tools, .prompts: "name"
        case .resources: "uri"
        case .resourceTemplates: "uriTemplate"
        case .tasks: "taskId"
        }
    }

    /// Whether the gateway may give its items other names: URIs stay what they are.
    public var hasNames: Bool { self == .tools || self == .prompts }
}
