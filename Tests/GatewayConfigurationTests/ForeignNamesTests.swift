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

    /// The requirements' own tuning section, as YAML.
    @Test func theTransportTuningOfThePredecessorCanBePasted() throws {
        let loaded = try load(
            """
            websocket:
              compress: false
              max_frame_size: 65_536
              batch_size: 50
              tcp_nodelay: false
            http_sse:
              compress: false
              chunk_size: 8_192
              compression_level: 9
              keep_alive_timeout: 60_000
            """)
        let transports = loaded.configuration.transports
        #expect(!transports.webSocket.compression && !transports.httpSSE.compression)
        #expect(transports.webSocket.batchSize == 50)
        #expect(transports.httpSSE.chunkSize == 8192)
        #expect(transports.httpSSE.compressionLevel == 9)
        #expect(transports.httpSSE.keepAliveTimeout == .seconds(60))
        #expect(
            loaded.notices == [
                "gateway.yaml:1: websocket is read as transports.websocket",
                "gateway.yaml:2: transports.websocket.compress is read as transports.websocket.compression",
                "gateway.yaml:6: http_sse is read as transports.http_sse",
                "gateway.yaml:7: transports.http_sse.compress is read as transports.http_sse.compression",
            ])
        #expect(try load("transports.http_sse.compress: false").configuration.transports.httpSSE.compression == false)
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
            "SECRET_KEY_BASE": "pass",
        ]
        let loaded = try load(environment: environment)
        #expect(loaded.configuration == defaults)
        #expect(loaded.notices.count == environment.count)
        #expect(zip(loaded.notices, environment.keys.sorted()).allSatisfy { $0.hasPrefix("\($1) is not ") })
        #expect(!loaded.notices.joined().contains("pass"))
    }
}
