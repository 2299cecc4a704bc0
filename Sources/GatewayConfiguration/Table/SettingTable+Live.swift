extension SettingTable {
    /// Keys whose values take effect when a running gateway reads its configuration again (SIGHUP). All others need a
    /// restart: what they say is built into connections, sessions, pools or files that are in use.
    static let liveKeys: Set<String> = [
        "mcpServers",
        "transports.http.max_connections", "transports.http_sse.max_connections",
        "transports.websocket.max_connections",
        "security.max_connections_per_ip",
        "listen.handshake_rate", "listen.handshake_burst", "listen.handshake_delay",
        "drain.delay", "drain.timeout", "drain.rate", "drain.reconnect_delay",
        "log.level", "log_connections", "log_messages", "trace_routing",
        "tracing.sample_ratio", "tracing.delivery_ratio",
        "policy.conserve", "policy.survive", "policy.max_lag", "policy.conserve_at", "policy.patience", "policy.dwell",
        "policy.foresight", "policy.purpose", "policy.rules", "policy.limits",
    ]
}

extension GatewayConfiguration {
    /// Keys that can change while a gateway serves, in the order of the documentation.
    public static var liveKeys: [String] {
        SettingTable.gateway.settings.map(\.key).filter(SettingTable.liveKeys.contains)
    }
}
