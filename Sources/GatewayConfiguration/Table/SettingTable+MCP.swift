extension SettingTable {
    /// MCP servers, and the bounds of what their clients may have.
    static let mcp: [Setting] = [
        Setting("mcpServers", \.mcpServers, .mcpServers, "MCP servers behind `/mcp`"),
        Setting("mcp.demo", \.mcp.demo, .flag, "Whether the demonstration server `demo` is among them"),
        Setting(
            "mcp.prefix", \.mcp.prefix, .word,
            "When a tool is called `server__tool`; collision: where two servers have the same name"
        ),
        Setting(
            "mcp.virtual_servers", \.mcp.virtualServers, .virtualServers,
            "Addresses `/mcp/servers/NAME` that show a part of what there is"),
        Setting("mcp.max_sessions", \.mcp.maxSessions, .integer(1...1_000_000), "MCP sessions at a time"),
        Setting(
            "mcp.session_idle_timeout", \.mcp.sessionIdleTimeout, .duration(.seconds(1)...(.seconds(7 * 86_400))),
            "How long a session without streams and calls is kept"),
        Setting(
            "mcp.log_messages", \.mcp.logMessages, .integer(1...1_000_000),
            "Events kept for each session, so that a broken stream can be resumed"),
        Setting("mcp.log_bytes", \.mcp.logBytes, .size(1_024...(1 << 30)), "Bytes of those events"),
        Setting(
            "mcp.max_unsent_bytes", \.mcp.maxUnsentBytes, .size(1_024...(1 << 30)),
            "Bytes that may wait on one stream before it is cut"),
        Setting("mcp.max_calls", \.mcp.maxCalls, .integer(1...100_000), "Calls that one session may have open"),
        Setting("mcp.max_tasks", \.mcp.maxTasks, .integer(1...1_000_000), "Tasks that one session is known to have"),
        Setting(
            "mcp.max_subscriptions", \.mcp.maxSubscriptions, .integer(1...1_000_000),
            "Resources that one session may have subscribed to"),
        Setting(
            "mcp.call_timeout", \.mcp.callTimeout, .duration(.milliseconds(100)...(.seconds(86_400))),
            "How long a call may be silent; its progress counts"),
        Setting(
            "mcp.max_call_time", \.mcp.maxCallTime, .duration(.milliseconds(100)...(.seconds(86_400))),
            "The longest that a call may take, whatever its progress says"),
        Setting(
            "mcp.input_timeout", \.mcp.inputTimeout, .duration(.milliseconds(100)...(.seconds(86_400))),
            "How long a call waits for what its client is asked in the middle of it"),
        Setting("mcp.list_timeout", \.mcp.listTimeout, interval, "How long a server has to answer a list"),
        Setting("mcp.start_timeout", \.mcp.startTimeout, interval, "How long a server has to begin a session"),
        Setting(
            "mcp.stream_after", \.mcp.streamAfter, interval, "An answer that takes longer becomes an event stream"),
        Setting(
            "mcp.keepalive_interval", \.mcp.keepaliveInterval, interval,
            "Silence after which a stream gets a comment"),
        Setting(
            "mcp.max_result_bytes", \.mcp.maxResultBytes, .size(1_024...(1 << 32)), "Largest message of a server"),
        Setting(
            "mcp.tool_metrics", \.mcp.toolMetrics, .integer(0...10_000),
            "Tools of each server whose latency the metrics tell apart"),
        Setting(
            "mcp.ca_certificates", \.mcp.certificateAuthorities, .optional(.path),
            "PEM file of certificate authorities that are trusted for https servers beside the system's"),
        Setting(
            "mcp.connect_timeout", \.mcp.connectTimeout, interval,
            "How long a connection to a server may take to come about"),
        Setting(
            "mcp.retry_ratio", \.mcp.retryRatio, .number(0...10),
            "Calls that may be repeated, as a share of the calls of the last 10 s"),
        Setting(
            "mcp.retry_reserve", \.mcp.retryReserve, .integer(0...1_000_000),
            "Calls that may be repeated in 10 s in any case"),
        Setting(
            "mcp.max_list_pages", \.mcp.maxListPages, .integer(1...100_000),
            "Pages that are asked of one server for one list"),
        Setting(
            "mcp.max_processes", \.mcp.maxProcesses, .integer(0...100_000),
            "Child processes of all stdio servers together"),
        Setting(
            "mcp.process_idle_timeout", \.mcp.processIdleTimeout, .duration(.zero ... .seconds(7 * 86_400)),
            "A program without calls and subscriptions for so long is stopped; 0 is never"),
    ]
}
