public import WireJSON

/// What a client of revision 2026-07-28 wants to hear of.
public struct ListenFilter: Sendable {
    public private(set) var tools = false
    public private(set) var prompts = false
    public private(set) var resources = false
    /// Resources whose changes it wants to hear of, each once.
    public private(set) var subscriptions: [String] = []

    /// Nothing.
    public init() {}

    /// Reads `params.notifications` of `subscriptions/listen`.
    public init(_ bytes: UnsafeRawBufferPointer, _ span: JSONSpan) {
        let inner = UnsafeRawBufferPointer(rebasing: bytes[span.offset..<span.end])
        var scanner = JSONScanner(inner, maxDepth: 64)
        // The message has been checked; what is no object wants nothing.
        try? read(&scanner, inner)
    }

    private mutating func read(_ scanner: inout JSONScanner, _ bytes: UnsafeRawBufferPointer) throws(JSONError) {
        guard try scanner.beginObject() else { return }
        repeat {
            let key = try scanner.key()
            let value = try scanner.value()
            let isWanted = bytes[value.offset] == UInt8(ascii: "t")
            switch RPCMessage.text(key, bytes) {
            case "toolsListChanged": tools = isWanted
            case "promptsListChanged": prompts = isWanted
            case "resourcesListChanged": resources = isWanted
            case "resourceSubscriptions": readSubscriptions(bytes, value)
            default: break
            }
        } while try scanner.nextMember()
    }

    private mutating func readSubscriptions(_ bytes: UnsafeRawBufferPointer, _ span: JSONSpan) {
        let inner = UnsafeRawBufferPointer(rebasing: bytes[span.offset..<span.end])
        guard inner.first == UInt8(ascii: "[") else { return }
        var scanner = JSONScanner(inner, maxDepth: 64)
        var seen = Set<String>()
        // The message has been checked, as above.
        func read(_ scanner: inout JSONScanner) throws(JSONError) {
            guard try scanner.beginArray() else { return }
            repeat {
                let uri = RPCMessage.text(try scanner.value(), inner)
                if !uri.isEmpty { seen.insert(uri) }
            } while try scanner.nextElement()
        }
        try? read(&scanner)
        subscriptions = seen.sorted()
    }

    /// The same with only some of the resources.
    public func honouring(_ uris: [String]) -> ListenFilter {
        var filter = self
        filter.subscriptions = uris
        return filter
    }

    /// Whether news of a resource is wanted: it is one of those subscribed, or a part of one.
    public func contains(resource uri: String) -> Bool {
        subscriptions.contains { known in
            uri == known || uri.hasPrefix(known) && (known.hasSuffix("/") || uri.dropFirst(known.count).first == "/")
        }
    }

    /// Whether a notification is wanted.
    public func contains(_ method: RPCMethod) -> Bool {
        switch method {
        case .toolsChanged: tools
        case .promptsChanged: prompts
        case .resourcesChanged: resources
        default: false
        }
    }

    /// The members that are honoured.
    public func write(to writer: inout JSONWriter) {
        if tools { writer.member("toolsListChanged", true) }
        if prompts { writer.member("promptsListChanged", true) }
        if resources { writer.member("resourcesListChanged", true) }
        if !subscriptions.isEmpty {
            writer.key("resourceSubscriptions")
            writer.array { for uri in subscriptions { $0.value(uri) } }
        }
    }
}
