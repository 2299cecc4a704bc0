extension SettingTable {
    /// What the gateway keeps: for each client, for topics, and for back ends.
    static let session: [Setting] = [
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
}
