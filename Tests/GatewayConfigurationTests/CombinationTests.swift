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

    @Test func floorsPromiseNoMoreThanEverything() {
        #expect(problems("viability:\n  control:\n    floors: {websocket: 0.5, http_sse: 0.5}") == [])
        #expect(
            problems("viability:\n  control:\n    floors:\n      http_sse: 0.8") == [
                "gateway.yaml:4: viability.control.floors.http_sse: more than everything is promised: together with "
                    + "viability.control.floors.websocket it must be 1 at the most"
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

    @Test func aCertificateNeedsItsKey() {
        #expect(
            problems("tls:\n  certificate: c.pem") == [
                "gateway.yaml:2: tls.certificate: TLS needs tls.key beside the certificate"
            ])
        #expect(
            problems("transports:\n  http:\n    tls: {enabled: true}") == [
                "gateway.yaml:3: transports.http.tls.enabled: TLS needs transports.http.tls.certificate"
            ])
        // A certificate of its own never goes with somebody else's key.
        #expect(
            problems("tls: {certificate: c, key: k}\ntransports:\n  websocket:\n    tls: {certificate: own.pem}") == [
                "gateway.yaml:4: transports.websocket.tls.certificate: TLS needs transports.websocket.tls.key beside the certificate"
            ])
        #expect(problems("tls: {certificate: c, key: k}\ntransports.http.tls.enabled: false") == [])
    }

    @Test func clientCertificatesNeedAnAuthority() {
        #expect(
            problems("tls: {certificate: c, key: k, client_certificate: require}") == [
                "gateway.yaml:1: tls.client_certificate: client certificates are checked against tls.client_ca: set it"
            ])
        #expect(problems("tls: {certificate: c, key: k, client_certificate: request, client_ca: ca}") == [])
    }

    @Test func listenersInheritWhatTheyDoNotSay() throws {
        let configuration = try load(
            "tls: {certificate: c, key: k, minimum_version: 1.3}\n"
                + "transports: {http: {tls: {enabled: false}}, websocket: {tls: {certificate: w, key: wk}}}"
        ).configuration
        let transports = configuration.transports
        #expect(transports.http.tls.effective(configuration.tls) == nil)
        #expect(transports.httpSSE.tls.effective(configuration.tls) == configuration.tls)
        let webSocket = try #require(transports.webSocket.tls.effective(configuration.tls))
        #expect((webSocket.certificate, webSocket.key) == ("w", "wk"))
        #expect(webSocket.minimumVersion == .v13)
        #expect(defaults.transports.http.tls.effective(defaults.tls) == nil)
    }

    @Test func thePROXYProtocolNeedsListedProxies() {
        #expect(
            problems("listen:\n  proxy_protocol: true") == [
                "gateway.yaml:2: listen.proxy_protocol: only listed proxies are believed: set listen.trusted_proxies"
            ])
    }

    @Test(arguments: ["10.0.0.0/8", "10.1.2.3", "::1", "2001:db8::/32", "0.0.0.0/0", "::/0", "fe80::/10"])
    func networks(text: String) throws {
        #expect(try load("listen.trusted_proxies: '\(text)'").configuration.listen.trustedProxies == [text])
    }

    @Test(arguments: ["10.0.0.1/8", "10.0.0.0/33", "10.0.0", "::1/129", "fe80::1/10", "a", "10.0.0.0/", "/8", "::1%lo"])
    func noNetworks(text: String) {
        #expect(problems("listen.trusted_proxies: '\(text)'").count == 1)
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
                    + "set security.secret_key_base, security.allow_anonymous: true or bind to loopback"
            ])
        let guarded = try load("listen: {host: '\(host)'}\nsecurity: {secret_key_base: a long secret}")
        #expect(guarded.configuration.isAuthenticated)
        let loaded = try load("listen:\n  host: '\(host)'\nsecurity:\n  allow_anonymous: true")
        #expect(loaded.configuration.listen.hosts == [host])
        #expect(!loaded.configuration.listen.isLoopbackOnly)
        #expect(defaults.listen.isLoopbackOnly)
    }

    @Test func productionNeedsConsent() {
        let remedy =
            "authentication is off; set security.secret_key_base, security.allow_anonymous: true if anyone may connect"
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
