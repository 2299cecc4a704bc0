/// The methods of the Model Context Protocol that the gateway treats in a way of their own.
public enum RPCMethod: String, Sendable, CaseIterable {
    // From clients.
    case initialize
    case ping
    case discover = "server/discover"
    case listen = "subscriptions/listen"
    case listTools = "tools/list"
    case callTool = "tools/call"
    case listPrompts = "prompts/list"
    case getPrompt = "prompts/get"
    case listResources = "resources/list"
    case listResourceTemplates = "resources/templates/list"
    case readResource = "resources/read"
    case subscribe = "resources/subscribe"
    case unsubscribe = "resources/unsubscribe"
    case complete = "completion/complete"
    case setLevel = "logging/setLevel"
    case listTasks = "tasks/list"
    // From servers.
    case createMessage = "sampling/createMessage"
    case elicit = "elicitation/create"
    case listRoots = "roots/list"
    // Notifications.
    case initialized = "notifications/initialized"
    case cancelled = "notifications/cancelled"
    case progress = "notifications/progress"
    case logMessage = "notifications/message"
    case toolsChanged = "notifications/tools/list_changed"
    case promptsChanged = "notifications/prompts/list_changed"
    case resourcesChanged = "notifications/resources/list_changed"
    case resourceUpdated = "notifications/resources/updated"
    case rootsChanged = "notifications/roots/list_changed"

    /// The levels of log messages, least first.
    public static let logLevels = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]

    /// Whether clients of the revision 2026-07-28 and later may send it as a request.
    public var isModernRequest: Bool {
        switch self {
        case .discover, .listen, .listTools, .callTool, .listPrompts, .getPrompt, .listResources,
            .listResourceTemplates, .readResource, .complete:
            true
        default: false
        }
    }

    /// Whether clients up to 2025-11-25 may send it as a request.
    public var isLegacyRequest: Bool {
        switch self {
        case .initialize, .ping, .listTools, .callTool, .listPrompts, .getPrompt, .listResources,
            .listResourceTemplates, .readResource, .subscribe, .unsubscribe, .complete, .setLevel, .listTasks:
            true
        default: false
        }
    }
}
