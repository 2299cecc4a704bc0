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
        /// Told what hurts when nobody but an operator is left to settle it.
        public var algedonic: String?
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
}
