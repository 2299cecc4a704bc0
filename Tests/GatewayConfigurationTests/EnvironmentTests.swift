import Testing

@testable import GatewayConfiguration

@Suite struct EnvironmentTests {
    @Test(arguments: [
        ("MCP_SSE_PORT", "transports.http_sse.port", "5001"),
        ("MCP_WS_PORT", "transports.websocket.port", "5002"),
        ("MCP_SSE_MAX_CONNECTIONS", "transports.http_sse.max_connections", "50000"),
        ("MCP_WS_MAX_CONNECTIONS", "transports.websocket.max_connections", "50000"),
        ("MCP_WS_MAX_FRAME_SIZE", "transports.websocket.max_frame_size", "128KiB"),
        ("MCP_RATE_LIMIT", "rate_limiting.default_limit", "200"),
        ("MCP_RATE_LIMIT_PER_CLIENT", "rate_limiting.default_limit", "1000"),
        ("GATEWAY_DEBUG", "debug", "true"),
        ("MCP_LISTEN_HOST", "listen.host", "127.0.0.2"),
        ("PHX_HOST", "listen.public_host", "gateway.example.com"),
        ("MCP_NODE_ID", "cluster.node_id", "n7"),
        ("MCP_TRANSPORTS_HTTP_PORT", "transports.http.port", "5000"),
        ("MCP_SESSION_LOG_BYTES", "session.log_bytes", "2MiB"),
        ("MCP_SESSION_OFFLINE_TTL", "session.offline_ttl", "2h"),
        ("MCP_RATE_LIMITING_REFILL_RATE", "rate_limiting.refill_rate", "12.5"),
        ("MCP_LOG_LEVEL", "log.level", "debug"),
        ("MCP_TRANSPORTS_WEBSOCKET_TCP_NODELAY", "transports.websocket.tcp_nodelay", "false"),
    ])
    func variablesSetTheirKeys(variable: String, key: String, value: String) throws {
        let loaded = try load(environment: [variable: value])
        #expect(loaded.origin(of: key) == variable)
        #expect(loaded.notices == [])
        #expect(loaded.configuration != defaults)
        #expect(
            loaded.render(json: false).contains(
                "\(SettingTable.gateway[key]!.name): \(value == "127.0.0.2" ? "[127.0.0.2]" : value) "))
    }

    @Test func everySettingHasItsVariable() throws {
        for setting in SettingTable.gateway.settings {
            let samples = ["listen.public_host": "a", "security.secret_key_base": "a long secret"]
            let text = samples[setting.key] ?? setting.shown(in: defaults).yaml
            let variable = Variable(ofKey: setting.key).name
            let loaded = try load(environment: [variable: text])
            #expect(loaded.origin(of: setting.key) == variable)
        }
    }

    @Test func listsAreSeparatedByCommas() throws {
        #expect(
            try load(environment: ["MCP_LISTEN_HOST": " 127.0.0.1 , ::1 "]).configuration.listen.hosts == [
                "127.0.0.1", "::1",
            ])
        #expect(try load(environment: ["MCP_LISTEN_HOST": "[::1]"]).configuration.listen.hosts == ["::1"])
        #expect(
            try load(environment: ["MCP_LISTEN_HOST": "['::1', \"127.0.0.1\"]"]).configuration.listen.hosts == [
                "::1", "127.0.0.1",
            ])
        #expect(
            try load("cors: {origin: http://a}", environment: ["MCP_CORS_ORIGIN": "[]"]).configuration.cors.origins
                == [])
        #expect(
            problems(environment: ["MCP_CORS_ORIGIN": "https://a,b"])
                == ["MCP_CORS_ORIGIN: cors.origin[2]: expected an origin such as https://app.example.com, found `b`"])
        #expect(
            problems(environment: ["MCP_LISTEN_HOST": "a b"])
                == ["MCP_LISTEN_HOST: listen.host: expected an IP address or a host name, found `a b`"])
    }

    @Test func routesAreYAML() throws {
        let loaded = try load(environment: ["MCP_ROUTES": "[{type: '*', handler: {topic: 'room:1'}}]"])
        #expect(loaded.configuration.routes == [Route(type: .any, handler: .topic("room:1"))])
        #expect(
            problems(environment: ["MCP_ROUTES": "["]).first?.hasPrefix("MCP_ROUTES: routes: not valid YAML: ") == true)
        #expect(
            problems(environment: ["MCP_ROUTES": "x"]) == [
                "MCP_ROUTES: routes: expected a list of {type: …, handler: …}, found `x`"
            ])
    }

    @Test func theStrongerOfTwoVariablesWinsAndTheOtherIsNamed() throws {
        let loaded = try load(environment: [
            "MCP_RATE_LIMIT": "5", "MCP_RATE_LIMIT_PER_CLIENT": "6", "MCP_RATE_LIMITING_DEFAULT_LIMIT": "7",
        ])
        #expect(loaded.configuration.rateLimiting.defaultLimit == 6)
        #expect(loaded.origin(of: "rate_limiting.default_limit") == "MCP_RATE_LIMIT_PER_CLIENT")
        #expect(
            loaded.notices == [
                "MCP_RATE_LIMITING_DEFAULT_LIMIT is overridden by MCP_RATE_LIMIT",
                "MCP_RATE_LIMIT is overridden by MCP_RATE_LIMIT_PER_CLIENT",
            ])
        #expect(problems(environment: ["MCP_RATE_LIMIT": "x", "MCP_RATE_LIMIT_PER_CLIENT": "6"]).count == 1)
    }

    @Test func aKnownVariableWithABadValueIsAnError() {
        #expect(
            problems(environment: ["MCP_SSE_PORT": "http", "GATEWAY_DEBUG": "loud"]) == [
                "MCP_SSE_PORT: transports.http_sse.port: expected an integer from 0 to 65535, found `http`",
                "GATEWAY_DEBUG: debug: expected true or false, found `loud`",
            ])
    }

    @Test func anEmptyVariableCountsAsUnset() throws {
        let loaded = try load(environment: ["MCP_SSE_PORT": ""])
        #expect(loaded.configuration == defaults)
        #expect(loaded.notices == ["MCP_SSE_PORT is empty and not used"])
    }

    @Test func unknownVariablesOfThePrefixAreNoticed() throws {
        let loaded = try load(environment: [
            "MCP_SSE_PROT": "1", "MCP_INSPECTOR_TOKEN": "secret", "PATH": "/bin", "mcp_sse_port": "1",
        ])
        #expect(loaded.configuration == defaults)
        #expect(
            loaded.notices == [
                "MCP_INSPECTOR_TOKEN is not a variable of this gateway",
                "MCP_SSE_PROT is not a variable of this gateway; did you mean MCP_SSE_PORT?",
            ])
    }

    @Test func productionIsNamedByMixEnv() throws {
        let anonymous = ["MCP_SECURITY_ALLOW_ANONYMOUS": "true"]
        let loaded = try load(environment: ["MIX_ENV": "prod"].merging(anonymous) { $1 })
        #expect(loaded.configuration.production)
        #expect(loaded.origin(of: "production") == "MIX_ENV")
        for other in ["dev", "test", "production"] {
            let loaded = try load(environment: ["MIX_ENV": other])
            #expect(!loaded.configuration.production)
            #expect(loaded.notices == [])
        }
        let both = try load(environment: ["MIX_ENV": "prod", "MCP_PRODUCTION": "false"])
        #expect(!both.configuration.production)
        #expect(both.notices == ["MIX_ENV is overridden by MCP_PRODUCTION"])
    }
}
