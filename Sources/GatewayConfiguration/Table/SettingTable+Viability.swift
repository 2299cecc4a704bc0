extension SettingTable {
    private static let span = SettingKind<Duration>.duration(.milliseconds(50)...(.seconds(86_400)))
    private static let share = SettingKind<Double>.number(0...1)
    private static let percent = SettingKind<Int>.integer(1...100)

    /// The sections `viability`, `capacity_alerts` and `policy`.
    static let viability: [Setting] = [
        Setting("viability.enabled", \.viability.enabled, .flag, "Whether the node watches itself"),
        Setting("viability.interval", \.viability.interval, span, "How often the event loops are asked"),
        Setting(
            "viability.variety_window", \.viability.varietyWindow, span,
            "How long messages are counted for one estimate of variety"),
        Setting(
            "viability.algedonic.enabled", \.viability.algedonic.enabled, .flag, "Whether anybody is told what hurts"),
        Setting(
            "viability.algedonic.deadline", \.viability.algedonic.deadline, span,
            "How long each level has to settle what hurts before the next one hears of it"),
        Setting(
            "viability.algedonic.calm", \.viability.algedonic.calm, span,
            "How long it must not hurt before that is the end of it"),
        Setting(
            "viability.algedonic.onset", \.viability.algedonic.onset, share,
            "Share of a bound from which on something hurts"),
        Setting(
            "viability.algedonic.release", \.viability.algedonic.release, share,
            "Share below which it does not hurt any more"),
        Setting(
            "viability.algedonic.max_error_rate", \.viability.algedonic.maxErrorRate, .number(0.001...1_000_000),
            "Errors of one unit per second that are its bound"),
        Setting(
            "viability.intelligence.enabled", \.viability.intelligence.enabled, .flag, "Whether the node looks ahead"),
        Setting(
            "viability.intelligence.step", \.viability.intelligence.step, span,
            "Time between two figures that forecasts are made from"),
        Setting(
            "viability.intelligence.horizon", \.viability.intelligence.horizon, .integer(1...1_000),
            "Steps that forecasts look ahead"),
        Setting(
            "viability.intelligence.bandwidth", \.viability.intelligence.bandwidth, .size(0...1 << 42),
            "Bytes per second that the network carries; 0 where nobody has said"),
        Setting(
            "viability.audit.enabled", \.viability.audit.enabled, .flag,
            "Whether reports are compared with facts, and put right"),
        Setting("viability.audit.interval", \.viability.audit.interval, span, "How often"),
        Setting(
            "viability.coordination.enabled", \.viability.coordination.enabled, .flag,
            "Whether clients, timers and transports are kept from moving in step"),
        Setting(
            "viability.coordination.minimum_rate", \.viability.coordination.minimumRate, .number(0.01...1_000_000),
            "Refused clients a second that are told to come back at least"),
        Setting(
            "viability.coordination.maximum_wait", \.viability.coordination.maximumWait,
            .duration(.seconds(1)...(.seconds(3_600))), "Longest wait that a refused client is told"),
        Setting(
            "viability.control.enabled", \.viability.control.enabled, .flag,
            "Whether transports share what the node has, so that a crowd on one leaves room for the others"),
        Setting(
            "viability.control.connections", \.viability.control.connections, .integer(0...10_000_000),
            "Streams and sockets of all transports together; 0 for what their own bounds and the open files allow"),
        Setting(
            "viability.control.floors.websocket", \.viability.control.webSocketFloor, share,
            "Share that is there for WebSocket in any case"),
        Setting(
            "viability.control.floors.http_sse", \.viability.control.eventStreamFloor, share,
            "Share that is there for event streams in any case"),
        Setting(
            "viability.control.processes_floor", \.viability.control.processesFloor, share,
            "Share of mcp.max_processes that is there for stdio servers in any case, the same for each"),
        Setting(
            "viability.control.pool_floor", \.viability.control.poolFloor, share,
            "Share of pool.max_connections that is there for HTTP servers in any case, the same for each"),
        Setting(
            "viability.control.lent", \.viability.control.lent, share,
            "Share of an unused floor that others may borrow"),
        Setting(
            "viability.control.reclaim_time", \.viability.control.reclaimTime, span,
            "How long a loan that is called back may take to come back"),
        Setting(
            "viability.control.egress", \.viability.control.egress, .size(0...1 << 42),
            "Bytes a second that transports share to send to clients; 0: no budget"),
        Setting(
            "viability.control.egress_burst", \.viability.control.egressBurst,
            .duration(.milliseconds(10)...(.seconds(60))), "How long bytes that were not sent may be caught up"),
        Setting(
            "capacity_alerts.cpu_threshold", \.capacityAlerts.cpuThreshold, percent,
            "Percent of all processors from which on they are called short"),
        Setting(
            "capacity_alerts.memory_threshold", \.capacityAlerts.memoryThreshold, percent, "Percent of memory.budget"),
        Setting(
            "capacity_alerts.connection_threshold", \.capacityAlerts.connectionThreshold, percent,
            "Percent of a service's max_connections"),
        Setting(
            "capacity_alerts.bandwidth_threshold", \.capacityAlerts.bandwidthThreshold, percent,
            "Percent of viability.intelligence.bandwidth"),
        Setting(
            "policy.enabled", \.policy.enabled, .flag, "Whether the mode changes what is refused"),
        Setting("policy.conserve", \.policy.conserve, .word, "What is refused when it gets tight"),
        Setting("policy.survive", \.policy.survive, .word, "What is refused when there is more to do than time"),
        Setting(
            "policy.max_lag", \.policy.maxLag, .duration(.milliseconds(1)...(.seconds(60))),
            "How late event loops may be"),
        Setting("policy.conserve_at", \.policy.conserveAt, share, "Share of max_lag that is tight"),
        Setting(
            "policy.patience", \.policy.patience, .duration(.zero ... .seconds(3_600)),
            "How long it must be as bad before the mode gets stricter"),
        Setting(
            "policy.dwell", \.policy.dwell, .duration(.zero ... .seconds(3_600)),
            "How long it must be better before the mode eases"),
        Setting(
            "policy.foresight", \.policy.foresight, .duration(.zero ... .seconds(86_400)),
            "How long before a bound is reached a forecast is heeded"),
        Setting(
            "policy.purpose", \.policy.purpose, .optional(.text), "What the node is there for; shown in the report"),
        Setting(
            "policy.rules", \.policy.rules, .policyRules,
            "What becomes of messages by client, tier and type in each mode"),
        Setting(
            "policy.limits", \.policy.limits, .policyLimits,
            "Connections and messages that certain clients may have together, in every mode"),
    ]
}
