extension GatewayConfiguration {
    /// Back ends that are asked, told and given messages by HTTP.
    public struct Webhooks: Sendable, Equatable {
        /// What becomes of clients when the webhook that is asked about them does not answer.
        public enum FailurePolicy: String, Sendable, CaseIterable {
            /// They are refused.
            case deny
            /// They are permitted.
            case allow
        }

        /// Asked before a client connects.
        public var connect: String?
        /// Asked before a client joins topics.
        public var join: String?
        /// Told when a connection has ended.
        public var disconnect: String?
        /// What calls are signed with.
        public var secret: String?
        /// How long a call may take, with all attempts and the wait for its turn.
        public var timeout: Duration = .seconds(5)
        /// How often a call is made at the most.
        public var attempts = 3
        /// The wait before the second attempt; it doubles with each further one.
        public var retryDelay: Duration = .milliseconds(100)
        /// The longest such wait.
        public var maxRetryDelay: Duration = .seconds(2)
        /// Further attempts, as a part of all calls of the last ten seconds.
        public var retryRatio = 0.2
        /// Calls to one webhook that are under way at a time.
        public var concurrency = 32
        /// Calls to one webhook that wait for their turn.
        public var queue = 256
        /// Bytes of an answer.
        public var maxAnswerSize = 1 << 20
        /// What becomes of clients when the webhook that is asked about them does not answer.
        public var onFailure: FailurePolicy = .deny

        /// The defaults.
        public init() {}
    }

    /// When what keeps failing is not called for a while.
    public struct CircuitBreaker: Sendable, Equatable {
        /// The share of failures that opens it.
        public var threshold = 0.5
        /// How long it stays open the first time.
        public var timeout: Duration = .seconds(30)

        /// The defaults.
        public init() {}
    }

    /// How clients change between their transports.
    public struct Routing: Sendable, Equatable {
        /// How long a better transport must hold after its first loss before its client goes back to it.
        public var minimumDwell: Duration = .seconds(1)
        /// The longest such wait, however often it was lost.
        public var maximumDwell: Duration = .seconds(30)
        /// After this time without a loss the losses so far count half.
        public var flapHalfLife: Duration = .seconds(30)
        /// Clients of the node that go back in one second.
        public var maxReturnsPerSecond = 1000
        /// How long a pong may be missing at least before another transport takes over.
        public var probeTimeout: Duration = .milliseconds(400)

        /// The defaults.
        public init() {}
    }
}
