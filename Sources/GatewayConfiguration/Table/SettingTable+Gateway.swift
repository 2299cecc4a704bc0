extension SettingTable {
    /// Every setting of the gateway, in the order in which it is documented and printed. A new setting is a row
    /// of one of these lists and a property of `GatewayConfiguration`, whose initial value is the default.
    static let gateway = SettingTable(
        listen + http + httpTLS + httpSSE + httpSSETLS + webSocket + longPoll + webSocketTLS + tls + session + storage
            + rateLimiting + rates + security + authentication + access + input + validation + routing
            + mcp + upstreams + operators + viability + operation + telemetry + drain, foreign: .gateway)

    /// What many of the lists have in common.
    static let connections = SettingKind<Int>.integer(1...1_000_000)
    static let interval = SettingKind<Duration>.duration(.milliseconds(10)...(.seconds(3_600)))

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
        Setting(
            "listen.handshake_rate", \.listen.handshakeRate, .number(0...1_000_000),
            "Streams, sockets and TLS connections that may begin each second; 0 is no limit"),
        Setting(
            "listen.handshake_burst", \.listen.handshakeBurst, .integer(1...1_000_000),
            "How many of them may begin at once after a quiet time"),
        Setting(
            "listen.handshake_delay", \.listen.handshakeDelay, .duration(.zero ... .seconds(30)),
            "How long one may wait for its turn; who has none by then is sent away with 503"),
        Setting(
            "listen.trusted_proxies", \.listen.trustedProxies,
            .list("an address, a network such as 10.0.0.0/8, or a list of them", of: .network),
            "Proxies whose word counts on where a client comes from"),
        Setting(
            "listen.proxy_protocol", \.listen.proxyProtocol, .flag,
            "Whether the trusted proxies begin each connection with the PROXY protocol"),
        Setting(
            "listen.force_ssl", \.listen.forceSSL, .flag,
            "Send requests that came unencrypted to https; behind a proxy by X-Forwarded-Proto"),
    ]

    private static let input: [Setting] = [
        Setting(
            "cors.origin", \.cors.origins,
            .list("an origin such as https://app.example.com or a list of them", of: .origin),
            "Origins of the browser pages that may use the gateway"),
        Setting(
            "cors.methods", \.cors.methods, .list("a method such as GET or a list of them", of: .method, minimum: 1),
            "Methods that pages of other origins may use"),
        Setting(
            "cors.headers", \.cors.headers,
            .list("a header field's name such as Authorization, or a list of them", of: .fieldName),
            "Header fields that pages of other origins may send; * at the end stands for any rest"),
        Setting(
            "cors.max_age", \.cors.maxAge, .integer(0...86_400),
            "Seconds for which browsers remember what a preflight was told"),
        Setting("json.max_depth", \.json.maxDepth, .integer(1...512), "How deep JSON may be nested"),
    ]

    private static let upstreams: [Setting] = [
        Setting(
            "pool.size", \.pool.size, .integer(1...65_535),
            "Connections of one event loop to one address of an MCP server", variables: ["MCP_POOL_SIZE"]),
        Setting(
            "pool.overflow", \.pool.overflow, .integer(0...65_535), "More of them, while requests wait",
            variables: ["MCP_OVERFLOW"]),
        Setting(
            "pool.strategy", \.pool.strategy, .word,
            "The free connection that came back last, or the one that has been free for longest"),
        Setting(
            "pool.checkout_timeout", \.pool.checkoutTimeout, interval, "How long a request waits for a connection"),
        Setting(
            "pool.queue", \.pool.queue, .optional(.integer(0...1_000_000)),
            "Requests that may wait for one; unset, any number"),
        Setting("pool.idle_timeout", \.pool.idleTimeout, interval, "How long a free connection is kept"),
        Setting(
            "pool.max_connections", \.pool.maxConnections, .integer(1...1_000_000),
            "Connections of the pools of all MCP servers and event loops together"),
        Setting(
            "adaptive_limits.enabled", \.adaptiveLimits.enabled, .flag,
            "Whether calls of a server or webhook at a time are limited to what it is found to do well"),
        Setting(
            "adaptive_limits.initial", \.adaptiveLimits.initial, .integer(1...100_000),
            "Calls of one event loop to one server that may be under way at the beginning"),
        Setting(
            "adaptive_limits.minimum", \.adaptiveLimits.minimum, .integer(1...100_000), "The limit is never less"),
        Setting(
            "adaptive_limits.maximum", \.adaptiveLimits.maximum, .integer(1...100_000), "The limit is never more"),
        Setting(
            "adaptive_limits.slack", \.adaptiveLimits.slack, .duration(.zero...(.seconds(60))),
            "Answers that take so much longer than without load are no congestion"),
        Setting(
            "adaptive_limits.queue", \.adaptiveLimits.queue, .integer(0...1_000_000),
            "Calls of one server that wait for their turn; one more is refused"),
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
