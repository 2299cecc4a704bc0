public import GatewayCore

/// How webhooks are called. Every value has a key in the configuration.
public struct WebhookSettings: Sendable {
    /// What becomes of a client when the webhook that is asked about it does not answer.
    public enum FailurePolicy: Sendable { case deny, allow }

    /// Asked before a client connects.
    public var connect: String?
    /// Asked before a client joins topics.
    public var join: String?
    /// Told when a connection has ended.
    public var disconnect: String?
    /// Told what hurts when nobody but an operator is left to settle it, and when it does not hurt any more.
    public var algedonic: String?
    /// What calls are signed with; `nil` leaves them unsigned.
    public var secret: String?
    /// How long a call may take, with all its attempts and the time that it waits for its turn.
    public var timeout = Instant.Span.seconds(5)
    /// How often a call is made at the most.
    public var attempts = 3
    /// How long to wait before the next attempt.
    public var backoff = Backoff(initial: .milliseconds(100), limit: .seconds(2))
    /// Attempts beyond the first, as a part of all calls of the last ten seconds.
    public var retryRatio = 0.2
    /// Calls to one webhook that are under way at a time.
    public var concurrency = 32
    /// Where fewer are under way as soon as more of them only take longer; `nil` where not.
    public var adaptiveLimits: AdaptiveLimit.Limits?
    /// Calls to one webhook that wait for their turn.
    public var queue = 256
    /// Bytes of an answer.
    public var maxAnswerSize = 1 << 20
    /// What becomes of clients when `connect` or `join` does not answer.
    public var onFailure = FailurePolicy.deny
    /// When a webhook that fails is not called for a while.
    public var breaker = CircuitBreaker.Limits()
    /// How deep the JSON of an answer may be nested.
    public var maxJSONDepth = 64
    /// The version that calls name in `User-Agent`.
    public var version = "0"
    /// The name of this node, which calls carry.
    public var node = "node"

    public init() {}

    /// How many calls to one webhook may be under way.
    var permits: AdaptiveLimit.Limits {
        guard let own = adaptiveLimits else { return .fixed(concurrency) }
        let maximum = min(own.maximum, concurrency)
        return AdaptiveLimit.Limits(
            initial: own.initial, minimum: min(own.minimum, maximum), maximum: maximum, slack: own.slack)
    }
}
