/// One entry of `routes`: what becomes of a client's message of a certain type.
public struct Route: Sendable, Equatable {
    /// Which types an entry applies to.
    public enum Pattern: Sendable, Equatable {
        /// This type only.
        case exact(String)
        /// Every type that begins so; the dot is part of it, so that `chat.*` is `prefix("chat.")`.
        case prefix(String)
        /// Every type.
        case any
    }

    /// Who gets the message.
    public enum Handler: Sendable, Equatable {
        /// Back to the sender.
        case echo
        /// Everyone subscribed to this topic.
        case topic(String)
        /// Into the log of operations, for back ends that listen on `/mcp/events`.
        case events
        /// To this address, whose answer becomes the reply.
        case webhook(String, timeout: Duration?)
        /// To a tool of an MCP server, whose result becomes the reply.
        case tool(String, server: String, timeout: Duration?)
    }

    /// Which types the entry applies to.
    public var type: Pattern
    /// Who gets the message.
    public var handler: Handler

    /// An entry.
    public init(type: Pattern, handler: Handler) {
        self.type = type
        self.handler = handler
    }
}

extension Route.Pattern {
    /// Whether the pattern covers a type.
    public func matches(_ type: String) -> Bool {
        switch self {
        case .exact(let name): type == name
        case .prefix(let prefix): type.hasPrefix(prefix)
        case .any: true
        }
    }

    /// Reads `name`, `prefix.*` or `*`; a star stands nowhere else.
    init?(_ text: String) {
        if text == "*" {
            self = .any
        } else if text.hasSuffix(".*"), text.utf8.count > 2, !text.dropLast().contains("*") {
            self = .prefix(String(text.dropLast()))
        } else if !text.isEmpty, !text.contains("*") {
            self = .exact(text)
        } else {
            return nil
        }
    }

    /// The form in which it is configured.
    var text: String {
        switch self {
        case .exact(let name): name
        case .prefix(let prefix): prefix + "*"
        case .any: "*"
        }
    }
}
