extension SettingTable {
    /// Every setting of the gateway, in the order in which it is documented and printed. A new setting is a row here
    /// and a property of `GatewayConfiguration`, whose initial value is the default.
    static let gateway = SettingTable(
        listen + http + httpSSE + webSocket + session + protection + routing + mcp + operation, foreign: .gateway)

    private static let connections = SettingKind<Int>.integer(1...1_000_000)
    private static let interval = SettingKind<Duration>.duration(.milliseconds(10)...(.seconds(3_600)))

    private static let listen: [Setting] = [
        Setting(
            "listen.host", \.listen.hosts, .list("an IP address, a host name or a list of them", of: .host, minimum: 1),
            "Addresses to listen on; `::` means all of them"),
        Setting(
            "listen.public_host", \.listen.publicHost, .optional(.host),
            "Name under which clients reach the gateway, when it differs", variables: ["PHX_HOST"]),
        Setting(
            "listen.event_loops", \.listen.eventLoops, .integer(0...256),
            "Threads that carry connections; 0 leaves one core to everything else"),
        Setting("listen.backlog", \.listen.backlog, .integer(1...65_535), "Connections that may wait to be accepted"),
        Setting(
            "listen.handshake_timeout", \.listen.handshakeTimeout, interval,
            "Time in which a connection must have sent its request"),
        Setting(
            "listen.keep_alive_timeout", \.listen.keepAliveTimeout, interval,
            "How long an HTTP connection may be idle between two requests"),
        Setting(
            "listen.close_timeout", \.listen.closeTimeout, interval,
            "How long a peer has to close its side, or to answer a close frame"),
        Setting(
            "listen.tcp_user_timeout", \.listen.tcpUserTimeout, interval,
            "How long what was sent may stay unacknowledged before the peer counts as gone"),
    ]

    private static let http: [Setting] = [
        Setting(
            "transports.http.port", \.transports.http.port, .port, "Port that serves everything; 0 means any free one"),
        Setting(
            "transports.http.max_connections", \.transports.http.maxConnections, connections, "Connections at a time"),
    ]

    private static let httpSSE: [Setting] = [
        Setting(
            "transports.http_sse.port", \.transports.httpSSE.port, .port,
            "Port for event streams; 0 means any free one",
            variables: ["MCP_SSE_PORT"]),
        Setting(
            "transports.http_sse.max_connections", \.transports.httpSSE.maxConnections, connections,
            "Connections at a time", variables: ["MCP_SSE_MAX_CONNECTIONS"]),
        Setting(
            "transports.http_sse.heartbeat_interval", \.transports.httpSSE.heartbeatInterval, interval,
            "Time between two heartbeat events"),
        Setting(
            "transports.http_sse.keepalive_interval", \.transports.httpSSE.keepaliveInterval, interval,
            "Silence after which a comment line keeps proxies awake"),
        Setting(
            "transports.http_sse.retry", \.transports.httpSSE.retry, .duration(.zero ... .seconds(3_600)),
            "How long a browser waits before it reconnects"),
        Setting(
            "transports.http_sse.compression", \.transports.httpSSE.compression, .flag,
            "Whether streams are compressed for clients that accept gzip"),
        Setting(
            "transports.http_sse.compression_level", \.transports.httpSSE.compressionLevel, .integer(1...9),
            "1 is fast, 9 is small"),
        Setting(
            "transports.http_sse.chunk_size", \.transports.httpSSE.chunkSize, .size(1_024...(16 << 20)),
            "Bytes of messages that one write to a stream gathers, before compression"),
        Setting(
            "transports.http_sse.keep_alive_timeout", \.transports.httpSSE.keepAliveTimeout,
            .duration(.milliseconds(10)...(.seconds(86_400))),
            "A client that takes or acknowledges nothing for so long is given up"),
    ]

    private static let webSocket: [Setting] = [
        Setting(
            "transports.websocket.port", \.transports.webSocket.port, .port,
            "Port for WebSockets; 0 means any free one",
            variables: ["MCP_WS_PORT"]),
        Setting(
            "transports.websocket.max_connections", \.transports.webSocket.maxConnections, connections,
            "Connections at a time", variables: ["MCP_WS_MAX_CONNECTIONS"]),
        Setting(
            "transports.websocket.max_frame_size", \.transports.webSocket.maxFrameSize, .size(125...(16 << 20)),
            "Largest frame", variables: ["MCP_WS_MAX_FRAME_SIZE"]),
        Setting(
            "transports.websocket.max_message_size", \.transports.webSocket.maxMessageSize, .size(125...(256 << 20)),
            "Largest message; also the largest body of an HTTP request"),
        Setting(
            "transports.websocket.max_fragments", \.transports.webSocket.maxFragments, .integer(1...65_536),
            "Frames that one message may come in"),
        Setting(
            "transports.websocket.max_control_frames", \.transports.webSocket.maxControlFrames,
            .integer(1...1_000_000), "Pings and pongs that one client may send in a second"),
        Setting(
            "transports.websocket.max_channels", \.transports.webSocket.maxChannels, .integer(1...100_000),
            "Channels that one connection may have joined"),
        Setting(
            "transports.websocket.batch_size", \.transports.webSocket.batchSize, .integer(1...10_000),
            "Messages that one write to a connection gathers"),
        Setting(
            "transports.websocket.compression", \.transports.webSocket.compression, .flag,
            "Whether messages above 1 KiB are compressed for clients that offer it"),
        Setting(
            "transports.websocket.compression_level", \.transports.webSocket.compressionLevel, .integer(1...9),
            "1 is fast, 9 is small"),
        Setting(
            "transports.websocket.max_inflate_ratio", \.transports.webSocket.maxInflateRatio, .integer(2...1_100),
            "How many times its size a client's compressed message may become"),
        Setting(
            "transports.websocket.inflate_ratio_from", \.transports.webSocket.inflateRatioFrom,
            .size(0...(256 << 20)), "Inflated size up to which max_inflate_ratio does not count"),
        Setting(
            "transports.websocket.ping_interval", \.transports.webSocket.pingInterval, interval,
            "Time between two pings"),
        Setting(
            "transports.websocket.pong_timeout", \.transports.webSocket.pongTimeout, interval,
            "Time in which a ping must be answered; less than ping_interval"),
        Setting(
            "transports.websocket.idle_timeout", \.transports.webSocket.idleTimeout,
            .duration(.milliseconds(10)...(.seconds(86_400))),
            "Silence after which the connection is given up; more than ping_interval"),
        Setting(
            "transports.websocket.tcp_nodelay", \.transports.webSocket.tcpNoDelay, .flag, "Send small writes at once"),
    ]

    private static let session: [Setting] = [
        Setting(
            "session.log_messages", \.session.logMessages, .integer(1...1_000_000),
            "Messages kept for each client, so that it can resume"),
        Setting(
            "session.log_bytes", \.session.logBytes, .size(1_024...(1 << 30)),
            "Bytes kept for each client, so that it can resume"),
        Setting(
            "session.retention", \.session.retention, .duration(.zero ... .seconds(7 * 86_400)),
            "How long they are kept after the last connection left"),
        Setting(
            "session.max_sessions", \.session.maxSessions, .integer(1...10_000_000),
            "Clients that are remembered at a time"),
        Setting(
            "session.max_connections", \.session.maxConnections, .integer(1...10_000),
            "Connections that one client may hold at once"),
        Setting(
            "session.max_topics", \.session.maxTopics, .integer(1...100_000), "Topics that one client may subscribe to"),
        Setting(
            "session.unacked_grace", \.session.unackedGrace, .duration(.zero ... .seconds(86_400)),
            "When a message counts as delivered to a client that never acknowledges"),
        Setting(
            "session.max_unsent_bytes", \.session.maxUnsentBytes, .size(1_024...(1 << 30)),
            "Bytes that may wait on one connection before it counts as slow"),
        Setting(
            "session.offline_messages", \.session.offlineMessages, .integer(0...1_000_000),
            "Messages that wait for an absent client"),
        Setting(
            "session.offline_bytes", \.session.offlineBytes, .size(0...(1 << 34)),
            "Bytes that wait for an absent client"),
        Setting(
            "session.offline_ttl", \.session.offlineTTL, .duration(.seconds(1)...(.seconds(30 * 86_400))),
            "How long a message waits for an absent client"),
        Setting(
            "idempotency.window", \.idempotency.window, .duration(.seconds(1)...(.seconds(86_400))),
            "How long a message's id is remembered"),
        Setting(
            "idempotency.max_ids", \.idempotency.maxIDs, .integer(32...10_000_000),
            "Ids that are remembered; beyond it the oldest are forgotten early"),
        Setting(
            "operations.log_messages", \.operations.logMessages, .integer(1...1_000_000),
            "Operations that wait for back ends; one more is refused"),
        Setting(
            "operations.log_bytes", \.operations.logBytes, .size(1 << 10...1 << 32), "Bytes that wait for back ends"),
        Setting(
            "operations.max_age", \.operations.maxAge, .duration(.seconds(1)...(.seconds(30 * 86_400))),
            "How long an operation is kept"),
    ]

    private static let protection: [Setting] = [
        Setting("storage.engine", \.storage.engine, .word, "Where messages are kept"),
        Setting(
            "rate_limiting.default_limit", \.rateLimiting.defaultLimit, .integer(1...1_000_000),
            "Messages that a client may send at once", variables: ["MCP_RATE_LIMIT_PER_CLIENT", "MCP_RATE_LIMIT"]),
        Setting(
            "rate_limiting.refill_rate", \.rateLimiting.refillRate, .number(1...1_000_000),
            "Messages that a client may send each second"),
        Setting(
            "security.max_connections_per_ip", \.security.maxConnectionsPerIP, connections,
            "Connections from one address; loopback does not count"),
        Setting(
            "security.allow_anonymous", \.security.allowAnonymous, .flag,
            "Serve other machines, or in production, without authentication"),
        Setting(
            "cors.origin", \.cors.origins,
            .list("an origin such as https://app.example.com or a list of them", of: .origin),
            "Origins of the browser pages that may use the gateway"),
        Setting("json.max_depth", \.json.maxDepth, .integer(1...512), "How deep JSON may be nested"),
    ]

    private static let routing: [Setting] = [
        Setting(
            "routes", \.routes, .routes, "What becomes of a message that names no recipient; the first match decides")
    ]

    private static let mcp: [Setting] = [
        Setting("mcpServers", \.mcpServers, .mcpServers, "MCP servers behind `/mcp`"),
        Setting("mcp.demo", \.mcp.demo, .flag, "Whether the demonstration server `demo` is among them"),
        Setting(
            "mcp.prefix", \.mcp.prefix, .word,
            "When a tool is called `server__tool`; collision: where two servers have the same name"
        ),
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
        Setting(
            "mcp.call_timeout", \.mcp.callTimeout, .duration(.milliseconds(100)...(.seconds(86_400))),
            "How long a call may be silent; its progress counts"),
        Setting(
            "mcp.max_call_time", \.mcp.maxCallTime, .duration(.milliseconds(100)...(.seconds(86_400))),
            "The longest that a call may take, whatever its progress says"),
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
            "mcp.max_connections", \.mcp.maxConnections, .integer(1...65_535),
            "Connections of one event loop to one server"),
        Setting(
            "mcp.max_list_pages", \.mcp.maxListPages, .integer(1...100_000),
            "Pages that are asked of one server for one list"),
        Setting(
            "mcp.max_processes", \.mcp.maxProcesses, .integer(0...100_000),
            "Child processes of all stdio servers together"),
    ]

    private static let operation: [Setting] = [
        Setting(
            "cluster.node_id", \.cluster.nodeID, .nodeID, "Name of this node", variables: ["MCP_NODE_ID"],
            defaultNote: "the host name"),
        Setting("log.level", \.log.level, .word, "How much is logged"),
        Setting("log.format", \.log.format, .word, "auto is text on a terminal, else json"),
        Setting(
            "debug", \.debug, .flag, "Developer aids: /mcp/echo, debug events for everyone",
            variables: ["GATEWAY_DEBUG"]),
        Setting("log_connections", \.logConnections, .flag, "A log line for each connection that opens or closes"),
        Setting(
            "production", \.production, .flag, "Refuse what is merely convenient in development",
            variables: ["MCP_PRODUCTION", Variable("MIX_ENV", meanings: ["prod": "true"])]),
    ]
}
