extension SettingTable {
    private static let rate = SettingKind<Int>.integer(0...10_000_000)
    private static let points = SettingKind<Double>.number(0...1000)

    static let rateLimiting: [Setting] = [
        Setting(
            "rate_limiting.default_limit", \.rateLimiting.defaultLimit, .integer(1...1_000_000),
            "Messages that a client may send at once", variables: ["MCP_RATE_LIMIT_PER_CLIENT", "MCP_RATE_LIMIT"]),
        Setting(
            "rate_limiting.refill_rate", \.rateLimiting.refillRate, .number(1...1_000_000),
            "Messages that a client may send each second"),
    ]

    static let security: [Setting] = [
        Setting(
            "security.max_connections_per_ip", \.security.maxConnectionsPerIP, connections,
            "Connections from one address; loopback does not count"),
        Setting(
            "security.allow_anonymous", \.security.allowAnonymous, .flag,
            "Serve other machines, or in production, without authentication"),
        Setting(
            "security.admin_token", \.security.adminToken, .optional(.secret),
            "Token that admin paths want; unset, one is made and kept beside the database",
            variables: ["MCP_ADMIN_TOKEN"], isSecret: true),
        Setting(
            "security.secret_key_base", \.security.secretKeyBase, .optional(.secret),
            "Secret that all nodes share; turns authentication on, and checks tokens with it (HS256)",
            variables: ["SECRET_KEY_BASE"], isSecret: true),
        Setting(
            "security.encryption_keys", \.security.encryptionKeys,
            .list("a list of ID:KEY, each key 32 bytes in base64", of: .encryptionKey),
            "Keys of encrypted messages; the first encrypts, all decrypt", isSecret: true),
    ]

    /// What is charged beside a client's messages.
    static let rates: [Setting] = [
        Setting(
            "rate_limiting.tiers.trial", \.rateLimiting.more.trial, .integer(1...1_000_000),
            "Messages per second, and at once, of tokens with the tier trial or an unknown one"),
        Setting(
            "rate_limiting.tiers.premium", \.rateLimiting.more.premium, .integer(1...1_000_000),
            "The same for the tier premium; standard is default_limit"),
        Setting(
            "rate_limiting.bytes", \.rateLimiting.more.bytes, .size(0...(1 << 40)),
            "Bytes of messages of one client per second; 0 is no limit"),
        Setting(
            "rate_limiting.joins", \.rateLimiting.more.joins, rate,
            "Joins and subscriptions of one client per second; 0 is no limit"),
        Setting(
            "rate_limiting.join_burst", \.rateLimiting.more.joinBurst, .integer(1...1_000_000),
            "How many of them may come at once"),
        Setting(
            "rate_limiting.events", \.rateLimiting.more.events, rate,
            "Whatever one connection sends on its channels, per second; beyond it is closed; 0 is no limit"),
        Setting(
            "rate_limiting.ip.messages", \.rateLimiting.more.addressMessages, rate,
            "Messages and requests of one address per second; 0 is no limit; loopback does not count"),
        Setting(
            "rate_limiting.ip.bytes", \.rateLimiting.more.addressBytes, .size(0...(1 << 40)),
            "Bytes of messages of one address per second; 0 is no limit"),
        Setting(
            "rate_limiting.ip.joins", \.rateLimiting.more.addressJoins, rate,
            "Joins and subscriptions of one address per second; 0 is no limit"),
        Setting(
            "rate_limiting.ip.failed_logins", \.rateLimiting.more.failedLogins, rate,
            "Tokens of one address per minute that turn out to be none; 0 is no limit"),
        Setting(
            "rate_limiting.node", \.rateLimiting.more.node, rate,
            "Messages of all clients of this node per second; 0 is no limit"),
        Setting(
            "rate_limiting.max_addresses", \.rateLimiting.more.maxAddresses, .integer(1...10_000_000),
            "Addresses that are told apart; those beyond share what one may do"),
    ]

    /// Who is held off for what was seen of them, and the lists of those who are not.
    static let access: [Setting] = [
        Setting(
            "security.behavior.threshold", \.security.access.suspiciousThreshold, points,
            "Points from which an address is refused; 0 refuses nobody"),
        Setting(
            "security.behavior.decay_per_minute", \.security.access.decayPerMinute, points,
            "Points that a minute takes away"),
        Setting("security.behavior.failed_login", \.security.access.failedLogin, points, "Points of a wrong token"),
        Setting(
            "security.behavior.protocol_error", \.security.access.protocolError, points,
            "Points of bytes that break a protocol"),
        Setting(
            "security.behavior.rapid_reconnect", \.security.access.rapidReconnect, points,
            "Points of each connection beyond reconnect_rate"),
        Setting(
            "security.behavior.rate_hit", \.security.access.rateHit, points,
            "Points of whatever was refused for its rate"),
        Setting(
            "security.behavior.reconnect_rate", \.security.access.reconnectRate, .number(0.01...1_000_000),
            "Connections of one address per second that pass unnoticed"),
        Setting(
            "security.behavior.reconnect_burst", \.security.access.reconnectBurst, .integer(1...1_000_000),
            "How many of them may come at once"),
        Setting(
            "security.max_list_entries", \.security.access.maxListEntries, .integer(1...1_000_000),
            "Entries of blocklist and allowlist together"),
        Setting(
            "security.allowlist_only", \.security.access.allowlistOnly, .flag,
            "Let only addresses of the allowlist connect, and loopback"),
        Setting(
            "security.access_list", \.security.access.listFile, .optional(.path),
            "File that keeps both lists; unset, beside the database"),
        Setting(
            "security.audit_log", \.security.access.auditLog, .optional(.path),
            "File that keeps what administrators did, one line of JSON each"),
        Setting(
            "security.audit_log_size", \.security.access.auditLogSize, .size(1_024...(1 << 40)),
            "Size at which it is renamed to .1, in place of the one before"),
        Setting(
            "security.audit_entries", \.security.access.auditEntries, .integer(0...1_000_000),
            "Actions that GET /mcp/admin/audit tells"),
    ]

    /// What a client's data may be beyond being JSON.
    static let validation: [Setting] = [
        Setting(
            "validation.max_keys", \.validation.maxKeys, .integer(0...10_000_000),
            "Members of all objects in a client's data together; 0 is any number"),
        Setting(
            "validation.max_key_length", \.validation.maxKeyLength, .size(0...(256 << 20)),
            "Bytes of one member's name; 0 is any number"),
        Setting(
            "validation.max_string_length", \.validation.maxStringLength, .size(0...(256 << 20)),
            "Bytes of one string; 0 is any number"),
        Setting(
            "validation.duplicate_keys", \.validation.duplicateKeys, .word,
            "What becomes of an object that has a name twice: allow or refuse"),
        Setting(
            "validation.threats", \.validation.threats, .word,
            "What becomes of data that looks like an attack on pages: off, monitor (counted) or block"),
        Setting(
            "validation.schemas", \.validation.schemas, .optional(.path),
            "File with a JSON Schema for each type of message: a JSON object from types to schemas"),
    ]
}
