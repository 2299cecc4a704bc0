extension GatewayConfiguration {
    /// What is spoken on each of the three ports. Port 0 means any free one.
    public struct Transports: Sendable, Equatable {
        /// The port that serves everything.
        public var http = HTTP()
        /// The port for event streams.
        public var httpSSE = HTTPSSE()
        /// The port for WebSockets.
        public var webSocket = WebSocket()

        /// The defaults.
        public init() {}
    }

    /// The port that serves everything: API, admin, metrics, MCP, and both kinds of stream.
    public struct HTTP: Sendable, Equatable {
        /// The port.
        public var port = 4000
        /// Connections at a time.
        public var maxConnections = 10_000
        /// Encryption, where it differs from the section `tls`.
        public var tls = ListenerTLS()

        /// The defaults.
        public init() {}
    }

    /// Server-sent events.
    public struct HTTPSSE: Sendable, Equatable {
        /// The port.
        public var port = 4001
        /// Connections at a time.
        public var maxConnections = 10_000
        /// Encryption, where it differs from the section `tls`.
        public var tls = ListenerTLS()
        /// Time between two `heartbeat` events.
        public var heartbeatInterval: Duration = .seconds(30)
        /// Silence after which a comment line keeps proxies awake.
        public var keepaliveInterval: Duration = .seconds(15)
        /// How long a browser waits before it reconnects; sent as `retry:`.
        public var retry: Duration = .seconds(2)
        /// Whether streams are compressed for clients that accept gzip.
        public var compression = true
        /// 1 (fast) to 9 (small).
        public var compressionLevel = 6
        /// Bytes of messages that one write to a stream gathers.
        public var chunkSize = 16 << 10
        /// How long a client may take and acknowledge nothing of what it was sent.
        public var keepAliveTimeout: Duration = .seconds(120)

        /// The defaults.
        public init() {}
    }

    /// WebSockets, for Phoenix Channels.
    public struct WebSocket: Sendable, Equatable {
        /// The port.
        public var port = 4002
        /// Connections at a time.
        public var maxConnections = 10_000
        /// Encryption, where it differs from the section `tls`.
        public var tls = ListenerTLS()
        /// Bytes in one frame.
        public var maxFrameSize = 64 << 10
        /// Bytes in one assembled message; also in the body of an HTTP request.
        public var maxMessageSize = 1 << 20
        /// Frames that one message may come in.
        public var maxFragments = 1024
        /// Pings and pongs that one client may send in a second.
        public var maxControlFrames = 100
        /// Channels that one connection may have joined.
        public var maxChannels = 100
        /// Messages that one write to a connection gathers.
        public var batchSize = 100
        /// Whether messages above 1 KiB are compressed for clients that offer permessage-deflate.
        public var compression = true
        /// 1 (fast) to 9 (small).
        public var compressionLevel = 1
        public var compressionContextMemory = 0
        /// How many times its size a compressed message of a client may become.
        public var maxInflateRatio = 200
        /// Up to this size that does not count.
        public var inflateRatioFrom = 64 << 10
        /// Time between two pings.
        public var pingInterval: Duration = .seconds(30)
        /// Time in which a ping must be answered.
        public var pongTimeout: Duration = .seconds(10)
        /// Silence after which the connection is given up.
        public var idleTimeout: Duration = .seconds(75)
        /// Whether small writes leave at once.
        public var tcpNoDelay = true
        /// Phoenix Channels without a WebSocket.
        public var longPoll = LongPoll()

        /// The defaults.
        public init() {}
    }

    /// Phoenix Channels over plain requests.
    public struct LongPoll: Sendable, Equatable {
        /// How long a poll waits for something to tell.
        public var window: Duration = .seconds(10)
        /// Time without a poll after which the client has gone.
        public var idleTimeout: Duration = .seconds(15)
        /// Frames in one answer, and that may wait for a session's next poll.
        public var bufferMessages = 1000
        /// Bytes of those; nothing more is added once they are reached.
        public var bufferBytes = 1 << 20
        /// Polls that may wait at a time.
        public var maxPolls = 10_000
        /// Messages in the body of one request.
        public var maxBatch = 100
        /// Bytes in the body of one request.
        public var maxBodySize = 1 << 20
        /// How long a session's token is good when its client does not come back.
        public var tokenLifetime: Duration = .seconds(14 * 86_400)

        /// The defaults.
        public init() {}
    }
}
