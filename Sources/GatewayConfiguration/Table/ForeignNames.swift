/// Names that are accepted although no setting bears them, each answered with a notice.
///
/// Most come from the gateway's predecessor on the BEAM, whose configuration can be pasted as it is.
struct ForeignNames: Sendable {
    /// Sections under another name than their own: `websocket` for `transports.websocket`.
    let sectionAliases: [(alias: String, section: String)]
    /// Keys under another name than their own, in full.
    let keyAliases: [String: String]
    /// Keys that mean nothing here wherever they stand (last part of the key), and why.
    let idleKeys: [String: String]
    /// Variables that mean nothing here, and why.
    let idleVariables: [String: String]

    /// The key under its own name, and the alias that it was written with.
    func resolve(_ key: String) -> (key: String, alias: (alias: String, name: String)?) {
        for entry in sectionAliases where key == entry.alias || key.hasPrefix(entry.alias + ".") {
            let resolved = entry.section + key.dropFirst(entry.alias.count)
            guard let own = keyAliases[resolved] else { return (resolved, (entry.alias, entry.section)) }
            return (own, (key, own))
        }
        guard let own = keyAliases[key] else { return (key, nil) }
        return (own, (key, own))
    }
}

extension ForeignNames {
    /// What is known of the requirements' own configuration.
    static let gateway = ForeignNames(
        sectionAliases: [
            ("websocket", "transports.websocket"),
            ("http_sse", "transports.http_sse"),
        ],
        keyAliases: [
            "transports.websocket.compress": "transports.websocket.compression",
            "transports.http_sse.compress": "transports.http_sse.compression",
        ],
        idleKeys: [
            "connection_gc_settings": "not needed: memory is freed at once, without a collector",
            "fullsweep_after": "not needed: memory is freed at once, without a collector",
            "min_heap_size": "not needed: a connection has no heap of its own",
            "min_bin_vheap_size": "not needed: a connection has no heap of its own",
            "num_acceptors": "not needed: its counterpart is listen.event_loops",
            "acceptors": "not needed: its counterpart is listen.event_loops",
        ],
        idleVariables: [
            "DATABASE_URL": "not needed: the gateway uses no database server (see storage.engine)",
            "GRAFANA_ENABLED": "not needed: Grafana reads /metrics through Prometheus",
            "PHX_SERVER": "not needed: the gateway always serves",
            "ERL_FLAGS": "not needed: there is no BEAM here; its counterpart is listen.event_loops",
            "SECRET_KEY_BASE": "not used yet: this version has no authentication",
        ])
}
