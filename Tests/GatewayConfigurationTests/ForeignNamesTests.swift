import Testing

@testable import GatewayConfiguration

/// What comes from the requirements' own configuration.
@Suite struct ForeignNamesTests {
    @Test func theRequirementsConfigurationCanBePasted() throws {
        let yaml = """
            transports:
              http_sse:
                port: 4001
                max_connections: 10_000
                heartbeat_interval: 30_000
              websocket:
                port: 4002
                max_frame_size: 65_536
                ping_interval: 30_000
                pong_timeout: 10_000
            rate_limiting:
              default_limit: 100
              refill_rate: 100
            connection_gc_settings:
              fullsweep_after: 20
              min_heap_size: 1024
            debug: true
            log_connections: true
            """
        let loaded = try load(yaml)
        var expected = defaults
        expected.debug = true
        expected.logConnections = true
        #expect(loaded.configuration == expected)
        #expect(
            loaded.notices == [
                "gateway.yaml:14: connection_gc_settings is not needed: memory is freed at once, without a collector"
            ])
    }

    @Test func sectionsOutsideTransportsAreAliases() throws {
        let loaded = try load(
            "websocket:\n  idle_timeout: 60_000\n  ping_interval: 25_000\n  pong_timeout: 15_000\nhttp_sse:\n  port: 7")
        #expect(loaded.configuration.transports.webSocket.idleTimeout == .seconds(60))
        #expect(loaded.configuration.transports.httpSSE.port == 7)
        #expect(loaded.origin(of: "transports.websocket.ping_interval") == "gateway.yaml:3")
        #expect(
            loaded.notices == [
                "gateway.yaml:1: websocket is read as transports.websocket",
                "gateway.yaml:5: http_sse is read as transports.http_sse",
            ])
    }

    @Test func anAliasAndItsKeyTogetherAreTooMuch() {
        #expect(
            problems("websocket:\n  port: 1\ntransports:\n  websocket:\n    port: 1")
                == ["gateway.yaml:5: transports.websocket.port: given twice, first at gateway.yaml:2"])
        #expect(
            problems("websocket:\n  prot: 1")
                == ["gateway.yaml:2: unknown key transports.websocket.prot; did you mean transports.websocket.port?"])
    }

    @Test(arguments: ["fullsweep_after: 20", "transports: {http: {num_acceptors: 100}}", "listen:\n  acceptors: 10"])
    func idleKeysAreAcceptedAnywhere(yaml: String) throws {
        let loaded = try load(yaml)
        #expect(loaded.configuration == defaults)
        #expect(loaded.notices.count == 1)
        #expect(loaded.notices[0].contains("not needed: "))
    }

    @Test func idleVariablesGetOneLineEachWithoutTheirValues() throws {
        let environment = [
            "DATABASE_URL": "postgres://user:pass@db/x", "GRAFANA_ENABLED": "true", "PHX_SERVER": "true",
            "ERL_FLAGS": "+P 5",
        ]
        let loaded = try load(environment: environment)
        #expect(loaded.configuration == defaults)
        #expect(loaded.notices.count == environment.count)
        #expect(zip(loaded.notices, environment.keys.sorted()).allSatisfy { $0.hasPrefix("\($1) is not ") })
        #expect(!loaded.notices.joined().contains("pass"))
    }
}
