/// The section `transports`; what is spoken over TLS has a file of its own.
extension SettingTable {
    static let http: [Setting] = [
        Setting(
            "transports.http.port", \.transports.http.port, .port, "Port that serves everything; 0 means any free one"),
        Setting(
            "transports.http.max_connections", \.transports.http.maxConnections, connections, "Connections at a time"),
    ]

    static let httpSSE: [Setting] = [
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

    static let webSocket: [Setting] = [
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

    static let longPoll: [Setting] = [
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
}
