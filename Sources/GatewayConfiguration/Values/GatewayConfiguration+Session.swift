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

    /// Topics that keep their last message for later subscribers, and the bounds of that.
    public struct Retain: Sendable, Equatable {
        /// Names of topics, or beginnings followed by `*`; others keep what a sender asks them to.
        public var topics: [String] = []
        /// Topics that may keep one.
        public var maxTopics = 10_000
        /// Bytes of all that is kept so.
        public var maxBytes = 64 << 20

        /// The defaults.
        public init() {}
    }

    /// What the process is to do with.
    public struct Memory: Sendable, Equatable {
        /// Bytes; 0 is three quarters of what the machine or the container has.
        public var budget = 0

        /// The defaults.
        public init() {}
    }

    /// Topics whose members see each other, and the bounds of that.
    public struct Presence: Sendable, Equatable {
        /// Names of topics, or beginnings followed by `*`.
        public var topics: [String] = []
        /// Connections that are listed on one topic.
        public var maxMembers = 1000
        /// How long joins and leaves gather before they are told.
        public var interval = Duration.milliseconds(100)

        /// The defaults.
        public init() {}
    }

    /// Bounds for clients that number their messages.
    public struct Sequencer: Sendable, Equatable {
        /// Messages of one client that wait for a missing one.
        public var buffer = 100
        /// Bytes of them.
        public var bufferBytes = 1 << 20
        /// How long a missing number is waited for.
        public var gapTimeout: Duration = .seconds(5)

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

    /// What becomes of messages that a connection does not read fast enough.
    public enum SlowConsumerPolicy: String, Sendable, CaseIterable {
        /// Close it; the client resumes.
        case disconnect
        /// Skip the oldest.
        case dropOldest = "drop_oldest"
        /// Skip those that a later one with the same key replaces.
        case conflate
        /// Skip all but those with priority `high`.
        case criticalOnly = "critical_only"
    }

    /// When connections are slowed down whose clients are late with acknowledging.
    public struct Backpressure: Sendable, Equatable {
        /// More unacknowledged messages than this: half the rate.
        public var halfRatePending = 50
        /// More than this: only what messages with priority `high` need.
        public var criticalPending = 100
        /// The oldest unacknowledged message is older than this: bundles.
        public var lag: Duration = .seconds(5)
        /// Time between two bundles.
        public var bundleInterval: Duration = .seconds(1)
        /// A level is left at this part of the threshold at which it is entered, in percent.
        public var releasePercent = 50
        /// Messages per second that half the rate is at least.
        public var minimumRate = 10

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
        /// What becomes of messages beyond that.
        public var slowConsumerPolicy = SlowConsumerPolicy.disconnect
        /// Policies that a connection may ask for.
        public var allowedSlowConsumerPolicies = SlowConsumerPolicy.allCases
        /// When connections are slowed down whose clients are late with acknowledging.
        public var backpressure = Backpressure()
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
