/// One thing that somebody may do: `action` or `action:pattern`. A pattern is a name, or a beginning followed by `*`;
/// without one the capability holds for every name.
public struct Capability: Hashable, Sendable {
    /// What is done.
    public enum Action: String, Sendable, CaseIterable {
        /// Send to a topic.
        case publish
        /// Receive what is sent to a topic.
        case subscribe
        /// See the members of a topic, and be seen.
        case presence
        /// Send to a client.
        case send
        /// Use a tool, prompt or resource of an MCP server: `mcp:SERVER/NAME`.
        case mcp
        /// What back ends do: send to anybody in anybody's name, read the operations.
        case service
        /// What the administrator does; it includes `service`.
        case admin
    }

    public let action: Action
    /// `*` for every name.
    public let pattern: String

    public init(_ action: Action, _ pattern: String = "*") {
        self.action = action
        // A whole server is everything on it.
        self.pattern = action == .mcp && pattern != "*" && !pattern.contains("/") ? pattern + "/*" : pattern
    }

    /// - Returns: `nil` if the text names no action that is known. Other systems' scopes look like this.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let name = parts.first, let action = Action(rawValue: String(name)) else { return nil }
        guard parts.count == 2 else {
            self.init(action)
            return
        }
        guard !parts[1].isEmpty else { return nil }
        self.init(action, String(parts[1]))
    }

    /// The written form.
    public var text: String { pattern == "*" ? action.rawValue : "\(action.rawValue):\(pattern)" }

    func covers(_ name: String) -> Bool {
        guard pattern.utf8.last == UInt8(ascii: "*") else { return pattern == name }
        return name.utf8.starts(with: pattern.utf8.dropLast())
    }
}

/// Everything that somebody may do.
public struct Capabilities: Hashable, Sendable {
    private let list: [Capability]

    /// More are not read: whoever issues tokens names topics by patterns.
    public static let limit = 256

    public init(_ list: [Capability] = []) { self.list = Array(list.prefix(Self.limit)) }

    /// Every action on every name.
    public static let all = Capabilities(Capability.Action.allCases.map { Capability($0) })

    /// Whether `action` may be done on `name`.
    public func allow(_ action: Capability.Action, _ name: String) -> Bool {
        list.contains { capability in
            switch capability.action {
            case .admin: capability.pattern == "*" || action == .admin && capability.covers(name)
            case .service where action == .publish || action == .send || action == .subscribe: capability.covers(name)
            case action: capability.covers(name)
            default: false
            }
        }
    }

    /// Whether `action` may be done on every name.
    public func allow(_ action: Capability.Action) -> Bool { allow(action, "*") }

    /// Whether there is any name on which `action` may be done.
    public func allowSome(_ action: Capability.Action) -> Bool {
        list.contains { $0.action == action || $0.action == .admin && $0.pattern == "*" }
    }

    /// The written forms.
    public var texts: [String] { list.map(\.text) }
}
