extension SettingTable {
    /// Where messages and clients go, and who is asked about it.
    static let routing: [Setting] = [
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
}
