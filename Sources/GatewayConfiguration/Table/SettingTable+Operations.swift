extension SettingTable {
    /// What operators see.
    static let operators: [Setting] = [
        Setting(
            "dashboard.interval", \.dashboard.interval, .duration(.milliseconds(100)...(.seconds(60))),
            "How often the live page is brought up to date while somebody looks"),
        Setting(
            "dashboard.max_unsent_bytes", \.dashboard.maxUnsentBytes, .size(1_024...(1 << 30)),
            "Bytes that wait on one live stream of an administrator before it is shown less"),
        Setting(
            "trace.duration", \.trace.duration, .duration(.seconds(1)...(.seconds(86_400))),
            "How long a client is traced unless somebody says otherwise"),
        Setting("trace.max_clients", \.trace.maxClients, .integer(1...10_000), "Clients that are traced at a time"),
        Setting(
            "trace.max_events", \.trace.maxEvents, .integer(10...100_000), "Events that are kept of a traced client"),
    ]
}
