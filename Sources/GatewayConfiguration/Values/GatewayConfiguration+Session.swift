extension GatewayConfiguration {
    /// How long the ids that senders give their messages are remembered, so that a repetition is accepted once.
    public struct Idempotency: Sendable, Equatable {
        /// How long an id is remembered.
        public var window: Duration = .seconds(5 * 60)
        /// Ids that are remembered; beyond it the oldest are forgotten early.
        public var maxIDs = 100_000

        /// The defaults.
        public init() {}
    }

    /// Bounds of what waits for back ends that listen on `/mcp/events`.
    public struct Operations: Sendable, Equatable {
        /// Operations that wait; one more is refused as `overloaded`.
        public var logMessages = 10_000
        /// Bytes that wait.
        public var logBytes = 64 << 20
        /// How long an operation is kept.
        public var maxAge: Duration = .seconds(3_600)

        /// The defaults.
        public init() {}
    }

    /// Bounds of what is kept for each client.
    public struct Session: Sendable, Equatable {
        /// Messages in a session's log, for resuming.
        public var logMessages = 1_000
        /// Bytes in a session's log.
        public var logBytes = 1 << 20
        /// How long the log stays after the last connection left.
        public var retention: Duration = .seconds(5 * 60)
        /// Sessions on this node.
        public var maxSessions = 200_000
        /// Connections that one client may hold at once.
        public var maxConnections = 64
        /// Topics that one client may be subscribed to.
        public var maxTopics = 100
        /// How long after it was written a message counts as delivered on a connection that never acknowledges.
        public var unackedGrace: Duration = .seconds(60)
        /// Bytes that may wait on one connection before it counts as slow.
        public var maxUnsentBytes = 1 << 20
        /// Messages that wait for an absent client.
        public var offlineMessages = 1_000
        /// Bytes that wait for an absent client.
        public var offlineBytes = 4 << 20
        /// How long a message waits for an absent client.
        public var offlineTTL: Duration = .seconds(24 * 60 * 60)

        /// The defaults.
        public init() {}
    }
}
