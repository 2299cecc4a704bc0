extension SettingTable {
    /// Every setting of the gateway, in the order in which it is documented and printed. A new setting is a row here
    /// and a property of `GatewayConfiguration`, whose initial value is the default.
    static let gateway = SettingTable(
        listen + http + httpTLS + httpSSE + httpSSETLS + webSocket + longPoll + webSocketTLS + tls + session + storage
            + rateLimiting + rates + security + authentication + access + input + validation + routing
            + mcp + upstreams + operators + viability + operation + telemetry + drain, foreign: .gateway)

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
            "transports.websocket.compression_context_memory", \.transports.webSocket.compressionContextMemory,
            .size(0...(64 << 30)), "Memory for connections that compress with what they were sent before; 0 is none"),
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

    private static let longPoll: [Setting] = [
        Setting(
            "transports.websocket.longpoll.window", \.transports.webSocket.longPoll.window,
            .duration(.milliseconds(10)...(.seconds(300))), "How long a poll waits for something to tell"),
        Setting(
            "transports.websocket.longpoll.idle_timeout", \.transports.webSocket.longPoll.idleTimeout, interval,
            "Time without a poll after which the client has gone"),
        Setting(
            "transports.websocket.longpoll.buffer_messages", \.transports.webSocket.longPoll.bufferMessages,
            .integer(1...100_000), "Frames in one answer, and that may wait for a session's next poll"),
        Setting(
            "transports.websocket.longpoll.buffer_bytes", \.transports.webSocket.longPoll.bufferBytes,
            .size(1_024...(1 << 30)), "Bytes of those; nothing more is added once they are reached"),
        Setting(
            "transports.websocket.longpoll.max_polls", \.transports.webSocket.longPoll.maxPolls, connections,
            "Polls that may wait at a time"),
        Setting(
            "transports.websocket.longpoll.max_batch", \.transports.webSocket.longPoll.maxBatch, .integer(1...10_000),
            "Messages in the body of one request"),
        Setting(
            "transports.websocket.longpoll.max_body_size", \.transports.webSocket.longPoll.maxBodySize,
            .size(125...(256 << 20)), "Largest body of a request"),
        Setting(
            "transports.websocket.longpoll.token_lifetime", \.transports.webSocket.longPoll.tokenLifetime,
            .duration(.seconds(1)...(.seconds(365 * 86_400))),
            "How long a session's token is good when its client does not come back"),
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
            "session.slow_consumer_policy", \.session.slowConsumerPolicy, .word,
            "What becomes of messages beyond that"),
        Setting(
            "session.allowed_slow_consumer_policies", \.session.allowedSlowConsumerPolicies,
            .list("a policy or a list of them", of: .word), "Policies that a connection may ask for"),
        Setting(
            "session.backpressure.half_rate_pending", \.session.backpressure.halfRatePending, .integer(1...1_000_000),
            "More unacknowledged messages than this: half the rate"),
        Setting(
            "session.backpressure.critical_pending", \.session.backpressure.criticalPending, .integer(1...1_000_000),
            "More than this: only what messages with priority high need; more than half_rate_pending"),
        Setting(
            "session.backpressure.lag", \.session.backpressure.lag, .duration(.milliseconds(10)...(.seconds(86_400))),
            "The oldest unacknowledged message is older: bundles, for clients that take them"),
        Setting(
            "session.backpressure.bundle_interval", \.session.backpressure.bundleInterval, interval,
            "Time between two bundles"),
        Setting(
            "session.backpressure.release_percent", \.session.backpressure.releasePercent, .integer(1...100),
            "A level is left at this part of the threshold at which it is entered"),
        Setting(
            "session.backpressure.minimum_rate", \.session.backpressure.minimumRate, .integer(1...1_000_000),
            "Messages per second that half the rate is at least"),
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
            "retain.topics", \.retain.topics,
            .list("a topic, a beginning such as room:* or a list of them", of: .topicPattern),
            "Topics that keep their last message for later subscribers"),
        Setting(
            "retain.max_topics", \.retain.maxTopics, .integer(1...10_000_000),
            "Topics that may keep one; beyond it the oldest lets go"),
        Setting("retain.max_bytes", \.retain.maxBytes, .size(1 << 10...1 << 36), "Bytes of all that is kept so"),
        Setting(
            "memory.budget", \.memory.budget, .size(0...1 << 42),
            "Bytes that the process is to do with; 0 is three quarters of the machine's or the container's"),
        Setting(
            "presence.topics", \.presence.topics,
            .list("a topic, a beginning such as room:* or a list of them", of: .topicPattern),
            "Topics whose members see each other"),
        Setting(
            "presence.max_members", \.presence.maxMembers, .integer(1...1_000_000),
            "Connections that are listed on one topic; whoever comes beyond is not"),
        Setting(
            "presence.interval", \.presence.interval, .duration(.milliseconds(10)...(.seconds(60))),
            "How long joins and leaves gather before they are told"),
        Setting(
            "sequencer.buffer", \.sequencer.buffer, .integer(1...100_000),
            "Numbered messages of one client that wait for a missing one"),
        Setting(
            "sequencer.buffer_bytes", \.sequencer.bufferBytes, .size(1_024...(1 << 30)), "Bytes of them"),
        Setting(
            "sequencer.gap_timeout", \.sequencer.gapTimeout, interval, "How long a missing number is waited for"),
        Setting(
            "operations.log_messages", \.operations.logMessages, .integer(1...1_000_000),
            "Operations that wait for back ends; one more is refused"),
        Setting(
            "operations.log_bytes", \.operations.logBytes, .size(1 << 10...1 << 32), "Bytes that wait for back ends"),
        Setting(
            "operations.max_age", \.operations.maxAge, .duration(.seconds(1)...(.seconds(30 * 86_400))),
            "How long an operation is kept"),
    ]

    private static let storage: [Setting] = [
        Setting("storage.engine", \.storage.engine, .word, "Where durable messages are kept"),
        Setting("storage.path", \.storage.path, .path, "The SQLite file; its directory is made if it is missing"),
        Setting(
            "storage.synchronous", \.storage.synchronous, .word,
            "normal survives the end of the process, full the loss of power too"),
        Setting(
            "storage.on_damage", \.storage.onDamage, .word,
            "A damaged file is set aside and a new one begun, or the start is refused"),
        Setting("storage.batch_size", \.storage.batchSize, .integer(1...100_000), "Messages in one commit"),
        Setting(
            "storage.batch_delay", \.storage.batchDelay, .duration(.zero ... .seconds(1)),
            "How long a commit waits for more messages; 0 commits at once when idle"),
        Setting(
            "storage.queue_bytes", \.storage.queueBytes, .size(1_024...(1 << 34)),
            "Bytes that may wait to be stored; beyond it durable messages are refused"),
        Setting(
            "storage.reserve_bytes", \.storage.reserveBytes, .size(0...(1 << 34)),
            "Bytes kept free beside the file, so that a full disk does not keep anything from being deleted"),
        Setting(
            "storage.lock_timeout", \.storage.lockTimeout, .duration(.zero ... .seconds(60)),
            "How long a commit waits for a file that another process holds"),
        Setting(
            "storage.retry_interval", \.storage.retryInterval, interval,
            "After a failure: how long until writing is tried again"),
        Setting(
            "storage.maintenance_interval", \.storage.maintenanceInterval, interval,
            "Time between two rounds of housekeeping"),
    ]

    private static let rateLimiting: [Setting] = [
        Setting(
            "rate_limiting.default_limit", \.rateLimiting.defaultLimit, .integer(1...1_000_000),
            "Messages that a client may send at once", variables: ["MCP_RATE_LIMIT_PER_CLIENT", "MCP_RATE_LIMIT"]),
        Setting(
            "rate_limiting.refill_rate", \.rateLimiting.refillRate, .number(1...1_000_000),
            "Messages that a client may send each second"),
    ]

    private static let security: [Setting] = [
        Setting(
            "security.max_connections_per_ip", \.security.maxConnectionsPerIP, connections,
            "Connections from one address; loopback does not count"),
        Setting(
            "security.allow_anonymous", \.security.allowAnonymous, .flag,
            "Serve other machines, or in production, without authentication"),
        Setting(
            "security.admin_token", \.security.adminToken, .optional(.secret),
            "Token that admin paths want; unset, one is made and kept beside the database",
            variables: ["MCP_ADMIN_TOKEN"], isSecret: true),
        Setting(
            "security.secret_key_base", \.security.secretKeyBase, .optional(.secret),
            "Secret that all nodes share; turns authentication on, and checks tokens with it (HS256)",
            variables: ["SECRET_KEY_BASE"], isSecret: true),
        Setting(
            "security.encryption_keys", \.security.encryptionKeys,
            .list("a list of ID:KEY, each key 32 bytes in base64", of: .encryptionKey),
            "Keys of encrypted messages; the first encrypts, all decrypt", isSecret: true),
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

    private static let routing: [Setting] = [
        Setting(
            "routes", \.routes, .routes, "What becomes of a message that names no recipient; the first match decides"),
        Setting(
            "routing.minimum_dwell", \.routing.minimumDwell, .duration(.zero ... .seconds(3_600)),
            "How long after the first loss of its better transport a client goes back to it at the earliest"),
        Setting(
            "routing.maximum_dwell", \.routing.maximumDwell, .duration(.zero ... .seconds(86_400)),
            "Longest such wait; it doubles with each further loss"),
        Setting(
            "routing.flap_half_life", \.routing.flapHalfLife, .duration(.milliseconds(100)...(.seconds(86_400))),
            "After this time without a loss the losses so far count half"),
        Setting(
            "routing.max_returns_per_second", \.routing.maxReturnsPerSecond, .integer(1...1_000_000),
            "Clients of the node that go back in one second"),
        Setting(
            "routing.probe_timeout", \.routing.probeTimeout, .duration(.milliseconds(50)...(.seconds(60))),
            "How long a pong may be missing at least before another transport takes over"),
        Setting(
            "routing.vnodes", \.routing.virtualNodes, .integer(1...10_000),
            "Points on the ring of a replica of weight 1"),
        Setting(
            "routing.failover_threshold", \.routing.failoverThreshold, .integer(1...1_000),
            "Failures in a row after which a replica is not used"),
        Setting(
            "routing.health_check_interval", \.routing.healthCheckInterval, interval,
            "How often replicas are asked whether they live"),
        Setting("webhooks.connect", \.webhooks.connect, .optional(.url), "Asked before a client connects"),
        Setting("webhooks.join", \.webhooks.join, .optional(.url), "Asked before a client joins topics"),
        Setting("webhooks.disconnect", \.webhooks.disconnect, .optional(.url), "Told when a connection has ended"),
        Setting(
            "webhooks.algedonic", \.webhooks.algedonic, .optional(.url),
            "Told what hurts when only an operator can settle it, and when it is over"),
        Setting(
            "webhooks.secret", \.webhooks.secret, .optional(.secret),
            "What calls are signed with (Standard Webhooks)", isSecret: true),
        Setting(
            "webhooks.timeout", \.webhooks.timeout, interval,
            "How long a call may take, with all attempts and the wait for its turn"),
        Setting("webhooks.attempts", \.webhooks.attempts, .integer(1...100), "How often a call is made at the most"),
        Setting(
            "webhooks.retry_delay", \.webhooks.retryDelay, .duration(.milliseconds(1)...(.seconds(60))),
            "Wait before the second attempt; it doubles with each further one"),
        Setting(
            "webhooks.max_retry_delay", \.webhooks.maxRetryDelay, .duration(.milliseconds(1)...(.seconds(600))),
            "Longest such wait"),
        Setting(
            "webhooks.retry_ratio", \.webhooks.retryRatio, .number(0...10),
            "Further attempts, as a part of all calls of the last ten seconds"),
        Setting(
            "webhooks.concurrency", \.webhooks.concurrency, .integer(1...10_000),
            "Calls to one webhook that are under way at a time"),
        Setting(
            "webhooks.queue", \.webhooks.queue, .integer(0...1_000_000),
            "Calls to one webhook that wait for their turn; one more is refused"),
        Setting("webhooks.max_answer_size", \.webhooks.maxAnswerSize, .size(1_024...(64 << 20)), "Largest answer"),
        Setting(
            "webhooks.on_failure", \.webhooks.onFailure, .word,
            "What becomes of clients when connect or join does not answer"),
        Setting(
            "circuit_breaker.threshold", \.circuitBreaker.threshold, .number(0.01...1),
            "Share of failures over 10 s, of at least 20 calls, at which something is not called any more"),
        Setting(
            "circuit_breaker.timeout", \.circuitBreaker.timeout, interval, "How long until it is tried again"),
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

    private static let mcp: [Setting] = [
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
