import NIOHTTP1
import Testing

@testable import GatewayServer

/// Contract §5: absent, the request's own host and port, loopback when bound to loopback, or listed; anything else is
/// refused.
struct OriginPolicyTests {
    private static let loopback = ["127.0.0.1", "::1"]

    private func decide(
        _ origin: String?, host: String? = "gateway.example:4000", allowed: [String] = [],
        hosts: [String] = ["0.0.0.0"],
        publicHost: String? = nil
    ) -> OriginPolicy.Decision {
        var headers = HTTPHeaders()
        if let origin { headers.add(name: "Origin", value: origin) }
        if let host { headers.add(name: "Host", value: host) }
        return OriginPolicy(allowed: allowed, hosts: hosts, publicHost: publicHost).decide(headers)
    }

    @Test(arguments: [loopback, ["0.0.0.0"]])
    func `a request without an origin is not asked for one`(hosts: [String]) {
        #expect(decide(nil, hosts: hosts) == .notCrossOrigin)
    }

    @Test(
        "a page of the gateway's own host and port may connect; ports have their schemes' defaults",
        arguments: [
            ("http://gateway.example:4000", "gateway.example:4000"), ("https://gateway.example", "gateway.example"),
            ("http://gateway.example", "gateway.example"), ("http://gateway.example", "gateway.example:80"),
            ("http://gateway.example:80", "gateway.example"), ("https://gateway.example", "gateway.example:443"),
            ("https://gateway.example:443", "gateway.example"), ("HTTP://Gateway.Example:4000", "gateway.example:4000"),
            ("http://gateway.example:4000", "GATEWAY.example:4000"), ("http://10.0.0.7:4000", "10.0.0.7:4000"),
            ("http://[2001:db8::7]:4000", "[2001:db8::7]:4000"), ("http://[2001:db8::7]", "[2001:db8::7]"),
            ("http://[2001:db8::7]:80", "[2001:db8::7]"),
        ])
    func ownHost(origin: String, host: String) {
        #expect(decide(origin, host: host) == .allowed(origin))
    }

    @Test(
        "a page of another host or port may not",
        arguments: [
            ("http://gateway.example:4001", "gateway.example:4000"), ("http://gateway.example", "gateway.example:4000"),
            ("https://gateway.example", "gateway.example:80"), ("http://gateway.example", "gateway.example:443"),
            ("http://other.example:4000", "gateway.example:4000"),
            ("http://gateway.example.evil:4000", "gateway.example:4000"),
            ("http://sub.gateway.example:4000", "gateway.example:4000"), ("http://[2001:db8::7]", "[2001:db8::8]"),
            ("http://[2001:db8::7]:81", "[2001:db8::7]"), ("http://gateway.example:4000", nil),
            ("http://gateway.example", ""), ("http://localhost:4000", "gateway.example:4000"),
            ("http://127.0.0.1:4000", "gateway.example:4000"), ("http://[::1]:4000", "gateway.example:4000"),
        ] as [(String, String?)])
    func otherHost(origin: String, host: String?) {
        #expect(decide(origin, host: host) == .refused)
    }

    @Test(
        "pages of this machine may connect while the gateway is bound to loopback alone",
        arguments: [
            "http://localhost", "http://localhost:3000", "https://localhost:3000", "http://LOCALHOST:3000",
            "http://127.0.0.1:3000", "http://127.8.9.1", "http://[::1]", "http://[::1]:3000",
        ])
    func loopbackPage(origin: String) {
        #expect(decide(origin, hosts: Self.loopback) == .allowed(origin))
        #expect(decide(origin, hosts: ["localhost"]) == .allowed(origin))
        #expect(decide(origin, hosts: ["127.0.0.1", "10.0.0.7"]) == .refused)
        #expect(decide(origin, hosts: ["::"]) == .refused)
    }

    @Test(
        "what only looks like loopback is not",
        arguments: [
            "http://localhost.evil.example", "http://127.0.0.1.evil.example", "http://127.evil.example",
            "http://evil.example/localhost", "http://localhost@evil.example", "http://localhost:80@evil.example",
            "http://localhost/@evil.example", "http://[::1].evil.example", "http://[::1", "http://[::2]",
            "http://evil.example#localhost", "http://0.0.0.0", "http://128.0.0.1", "http://notlocalhost",
        ])
    func falseLoopback(origin: String) {
        #expect(decide(origin, hosts: Self.loopback) == .refused)
    }

    @Test(
        "what is no origin of a page is refused, wherever the gateway is bound",
        arguments: [
            "null", "", " ", "*", "localhost", "http://", "http:///", "://localhost", "file://", "file://localhost",
            "ftp://localhost", "chrome-extension://abcdef", "http//localhost", "http:localhost", "http://localhost:",
            "http://localhost:x", "http://localhost:80:80", "http://localhost 80", "javascript:alert(1)", "http://:80",
        ])
    func junk(origin: String) {
        #expect(decide(origin, hosts: Self.loopback) == .refused)
        #expect(decide(origin) == .refused)
        #expect(decide(origin, host: origin) == .refused)
    }

    @Test func `a listed origin may connect, and only with its own scheme and port`() {
        let allowed = ["https://App.example", "http://dev.example:3000", "null"]
        for origin in ["https://app.example", "https://APP.example", "http://dev.example:3000", "null"] {
            #expect(decide(origin, allowed: allowed) == .allowed(origin))
        }
        for origin in ["http://app.example", "https://app.example:8443", "http://dev.example", "https://x.app.example"]
        {
            #expect(decide(origin, allowed: allowed) == .refused)
        }
    }

    @Test func `a page of the public host may connect, whatever host the proxy asks for`() {
        for origin in ["https://push.example", "http://push.example:8080", "https://PUSH.example"] {
            #expect(decide(origin, host: "10.0.0.7:4000", publicHost: "Push.example") == .allowed(origin))
        }
        #expect(decide("https://push.example.evil", host: "10.0.0.7:4000", publicHost: "push.example") == .refused)
        #expect(decide("https://x.push.example", host: "10.0.0.7:4000", publicHost: "push.example") == .refused)
    }

    @Test func `the answer names the origin as the browser wrote it`() {
        #expect(decide("HTTP://LocalHost:3000", hosts: Self.loopback) == .allowed("HTTP://LocalHost:3000"))
    }
}
