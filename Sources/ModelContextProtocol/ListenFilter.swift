public import WireJSON

/// What a client of revision 2026-07-28 wants to hear of.
public struct ListenFilter: Sendable {
    public private(set) var tools = false
    public private(set) var prompts = false
    public private(set) var resources = false

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
            default: break
            }
        } while try scanner.nextMember()
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
    }
}
