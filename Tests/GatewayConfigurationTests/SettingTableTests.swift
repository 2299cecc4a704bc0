import Testing

@testable import GatewayConfiguration

@Suite struct SettingTableTests {
    private let settings = SettingTable.gateway.settings

    @Test func variablesAreUniqueAndWellFormed() {
        let names = settings.flatMap { $0.variables.map(\.name) }
        #expect(Set(names).count == names.count)
        #expect(names.allSatisfy { $0.wholeMatch(of: /[A-Z][A-Z0-9_]*/) != nil })
        #expect(Set(names).isDisjoint(with: ForeignNames.gateway.idleVariables.keys))
    }

    @Test func keysAreWellFormedAndNoSectionIsAKey() {
        for setting in settings {
            // The ecosystem's own name for the list of MCP servers is the one exception.
            let isOurs = setting.key.wholeMatch(of: /[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*/) != nil
            #expect(isOurs || setting.key == "mcpServers")
            #expect(!SettingTable.gateway.sections.contains(setting.key))
            #expect(ForeignNames.gateway.idleKeys[String(setting.name)] == nil)
        }
    }

    /// Otherwise the printed file would hold a section twice.
    @Test func sectionsAreContiguous() {
        var closed: Set<Substring> = []
        var open: Substring = ""
        for section in settings.map({ $0.key.prefix { $0 != "." } }) where section != open {
            #expect(!closed.contains(section), "\(section)")
            closed.insert(section)
            open = section
        }
    }

    @Test func aliasesLeadToSections() {
        for (alias, section) in ForeignNames.gateway.sectionAliases {
            #expect(SettingTable.gateway.sections.contains(section))
            #expect(SettingTable.gateway[alias] == nil && !SettingTable.gateway.sections.contains(alias))
        }
    }

    @Test func everyDefaultIsAPermittedValue() throws {
        for setting in settings {
            let text = setting.shown(in: defaults).yaml
            #expect(try load("\(setting.key): \(text)").configuration == defaults, "\(setting.key)")
        }
    }

    @Test func helpIsOneShortLine() {
        for setting in settings {
            #expect((1...100).contains(setting.help.count), "\(setting.key)")
            #expect(!setting.help.contains("|") && !setting.help.contains("\n") && !setting.help.hasSuffix("."))
        }
    }

    @Test func theTableIsDescribed() {
        let described = GatewayConfiguration.settings
        #expect(described.map(\.key) == settings.map(\.key))
        #expect(described.first { $0.key == "cluster.node_id" }?.defaultValue == "the host name")
        #expect(
            described.first { $0.key == "rate_limiting.default_limit" }?.variables
                == ["MCP_RATE_LIMIT_PER_CLIENT", "MCP_RATE_LIMIT", "MCP_RATE_LIMITING_DEFAULT_LIMIT"])
        #expect(GatewayConfiguration.reference.split(separator: "\n").count == settings.count + 2)
        #expect(
            GatewayConfiguration.reference.contains(
                "| `transports.http_sse.port` | 4001 | Port for event streams; 0 means any free one | an integer from 0 to 65535 | "
                    + "`MCP_SSE_PORT`, `MCP_TRANSPORTS_HTTP_SSE_PORT` |"))
    }

    /// Two rows that write the same property would leave another one that no row writes.
    @Test func eachSettingChangesSomethingOfItsOwn() throws {
        let samples = [
            "listen.host": "127.0.0.9", "listen.public_host": "a", "transports.websocket.tcp_nodelay": "false",
            "transports.websocket.compression": "false", "transports.websocket.compression_level": "5",
            "transports.http_sse.compression": "false", "transports.http_sse.compression_level": "5",
            "validation.schemas": "s.json", "cors.origin": "http://a", "cors.methods": "PUT", "cors.headers": "X-A",
            "retain.max_bytes": "2KiB", "dashboard.max_unsent_bytes": "2KiB",
            "sequencer.buffer_bytes": "2KiB",
            "session.slow_consumer_policy": "conflate",
            "session.allowed_slow_consumer_policies": "[disconnect]", "session.backpressure.half_rate_pending": "60",
            "session.backpressure.release_percent": "60",
            "routes": "[]", "webhooks.algedonic": "http://a/a", "webhooks.connect": "http://a/c",
            "webhooks.join": "http://a/j",
            "webhooks.disconnect": "http://a/d", "webhooks.secret": "a long secret", "webhooks.attempts": "9",
            "webhooks.max_answer_size": "2KiB", "webhooks.on_failure": "allow", "webhooks.retry_ratio": "0.5",
            "webhooks.retry_delay": "200ms", "webhooks.max_retry_delay": "21s",
            "circuit_breaker.threshold": "0.7", "mcp.retry_ratio": "0.5", "pool.strategy": "fifo",
            "adaptive_limits.enabled": "true", "adaptive_limits.slack": "30ms",
            "routing.minimum_dwell": "2s", "routing.maximum_dwell": "21s",
            "viability.enabled": "false", "viability.algedonic.enabled": "false",
            "viability.algedonic.onset": "0.85", "viability.algedonic.release": "0.5",
            "viability.intelligence.enabled": "false", "viability.audit.enabled": "false",
            "viability.coordination.enabled": "false", "viability.coordination.minimum_rate": "3.5",
            "viability.coordination.maximum_wait": "90s", "viability.audit.interval": "21s",
            "viability.control.enabled": "false", "viability.control.floors.websocket": "0.3",
            "viability.control.floors.http_sse": "0.3", "viability.control.lent": "0.3",
            "viability.control.egress": "2KiB",
            "viability.control.processes_floor": "0.3", "viability.control.pool_floor": "0.3",
            "capacity_alerts.cpu_threshold": "50",
            "capacity_alerts.memory_threshold": "50", "capacity_alerts.connection_threshold": "50",
            "capacity_alerts.bandwidth_threshold": "50", "policy.enabled": "false", "policy.conserve": "connections",
            "policy.survive": "connections", "policy.purpose": "serve",
            "policy.limits": "[{tier: a, max_rate: 5}]",
            "policy.rules": "[{tier: a, survive: keep}]", "policy.conserve_at": "0.7",
            "cluster.node_id": "n9", "log.level": "error", "log.format": "json",
            "security.allow_anonymous": "true", "security.secret_key_base": "a long secret",
            "security.admin_token": "a long secret",
            "security.encryption_keys": "[\"k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"]",
            "security.authentication.keys": "[{jwks: keys.json}]",
            "security.authentication.default_capabilities": "subscribe:all",
            "security.authentication.authorization_servers": "https://issuer.example.com",
            "security.allowlist_only": "true", "security.audit_log_size": "2KiB", "validation.threats": "block",
            "validation.duplicate_keys": "refuse",
            "debug": "true", "log_connections": "true", "log_messages": "true", "trace_routing": "true",
            "tracing.endpoint": "http://collector:4318", "tracing.headers": "a=b", "tracing.sample_ratio": "0.37",
            "tracing.delivery_ratio": "0.37",
            "mcpServers": "{a: {command: b}}", "mcp.demo": "false", "mcp.virtual_servers": "{a: {deny: b}}",
            "mcp.prefix": "never",
            "storage.engine": "memory", "storage.synchronous": "full", "storage.on_damage": "refuse",
            "storage.batch_delay": "2ms",
            "listen.trusted_proxies": "10.0.0.0/8", "listen.proxy_protocol": "true", "listen.force_ssl": "true",
            "tls.http2": "false", "tls.minimum_version": "1.3", "tls.client_certificate": "require",
            "transports.http.tls.enabled": "false", "transports.http_sse.tls.enabled": "false",
            "transports.websocket.tls.enabled": "false", "transports.http.tls.client_certificate": "request",
            "transports.http_sse.tls.client_certificate": "request",
            "transports.websocket.tls.client_certificate": "request", "http2.max_header_list_size": "2KiB",
        ]
        /// What a key is not complete without.
        let companions = [
            "listen.proxy_protocol": "listen.trusted_proxies: 10.1.0.0/16", "tls.certificate": "tls.key: k",
            "transports.http.tls.certificate": "transports.http.tls.key: k",
            "transports.http_sse.tls.certificate": "transports.http_sse.tls.key: k",
            "transports.websocket.tls.certificate": "transports.websocket.tls.key: k",
        ]
        var seen: [GatewayConfiguration] = []
        for setting in settings where setting.key != "production" {
            let sample = samples[setting.key] ?? (setting.expectation.hasPrefix("a duration") ? "20s" : "250")
            let value =
                [
                    "transports.websocket.pong_timeout": "21s", "transports.websocket.idle_timeout": "80s",
                    "transports.http_sse.chunk_size": "2KiB", "session.log_bytes": "2KiB",
                    "operations.log_bytes": "2KiB",
                    "mcp.log_bytes": "2KiB", "mcp.max_unsent_bytes": "2KiB", "mcp.max_result_bytes": "2KiB",
                    "transports.websocket.longpoll.window": "11s",
                    "transports.websocket.longpoll.buffer_bytes": "2KiB",
                    "storage.queue_bytes": "2KiB",
                    "session.max_unsent_bytes": "2KiB", "transports.websocket.max_message_size": "2MiB",
                ][setting.key] ?? sample
            let changed = try load("\(setting.key): \(value)\n\(companions[setting.key] ?? "")").configuration
            #expect(changed != defaults, "\(setting.key)")
            #expect(!seen.contains(changed), "\(setting.key)")
            seen.append(changed)
        }
    }
}
