import Testing

@testable import GatewayConfiguration

/// Values that are wrong together.
@Suite struct CombinationTests {
    @Test func pongTimeoutIsLessThanPingInterval() {
        #expect(
            problems("transports:\n  websocket:\n    pong_timeout: 30s") == [
                "gateway.yaml:3: transports.websocket.pong_timeout (30s, gateway.yaml:3) must be less than "
                    + "transports.websocket.ping_interval (30s, default)"
            ])
        #expect(
            problems(
                "transports:\n  websocket:\n    pong_timeout: 9s",
                environment: ["MCP_TRANSPORTS_WEBSOCKET_PING_INTERVAL": "8s"]) == [
                    "MCP_TRANSPORTS_WEBSOCKET_PING_INTERVAL: transports.websocket.pong_timeout (9s, gateway.yaml:3) must be less than "
                        + "transports.websocket.ping_interval (8s, MCP_TRANSPORTS_WEBSOCKET_PING_INTERVAL)"
                ])
    }

    @Test func idleTimeoutIsMoreThanPingInterval() {
        #expect(
            problems("transports:\n  websocket:\n    idle_timeout: 30s") == [
                "gateway.yaml:3: transports.websocket.idle_timeout (30s, gateway.yaml:3) must be more than "
                    + "transports.websocket.ping_interval (30s, default)"
            ])
    }

    @Test func aFrameFitsInAMessage() {
        #expect(problems("transports:\n  websocket: {max_frame_size: 4KiB, max_message_size: 4KiB}") == [])
        #expect(
            problems("transports:\n  websocket:\n    max_message_size: 4KiB") == [
                "gateway.yaml:3: transports.websocket.max_frame_size (64KiB, default) must not be more than "
                    + "transports.websocket.max_message_size (4KiB, gateway.yaml:3)"
            ])
    }

    @Test func portsDiffer() {
        #expect(
            problems(environment: ["MCP_SSE_PORT": "4000"]) == [
                "MCP_SSE_PORT: transports.http_sse.port (4000, MCP_SSE_PORT) must not be the same as transports.http.port (4000, default)"
            ])
        #expect(problems("transports: {http: {port: 0}, http_sse: {port: 0}, websocket: {port: 0}}") == [])
        #expect(problems("transports: {http: {port: 9}, http_sse: {port: 9}, websocket: {port: 9}}").count == 2)
        #expect(problems("transports: {http: {port: 4002}, http_sse: {port: 0}}").count == 1)
    }

    @Test(arguments: ["0.0.0.0", "::", "10.0.0.1", "gateway.example.com"])
    func otherMachinesNeedConsent(host: String) throws {
        #expect(
            problems("listen:\n  host: ['::1', '\(host)']") == [
                "gateway.yaml:2: listen.host: refused to listen on \(host): authentication is off; "
                    + "set security.allow_anonymous: true or bind to loopback"
            ])
        let loaded = try load("listen:\n  host: '\(host)'\nsecurity:\n  allow_anonymous: true")
        #expect(loaded.configuration.listen.hosts == [host])
        #expect(!loaded.configuration.listen.isLoopbackOnly)
        #expect(defaults.listen.isLoopbackOnly)
    }

    @Test func productionNeedsConsent() {
        let remedy = "authentication is off; set security.allow_anonymous: true if anyone may connect"
        #expect(
            problems("production: true") == ["gateway.yaml:1: production: refused to start in production: \(remedy)"])
        #expect(
            problems(environment: ["MIX_ENV": "prod"]) == [
                "MIX_ENV: production: refused to start in production: \(remedy)"
            ])
        #expect(problems("production: true\nsecurity: {allow_anonymous: true}") == [])
    }

    @Test func combinationsAreJudgedOnlyWhenEachValueIsGood() {
        let found = problems("transports:\n  websocket:\n    ping_interval: 5\n    pong_timeout: 1s")
        #expect(found.count == 1)
        #expect(found[0].contains("ping_interval: expected a duration"))
    }
}
