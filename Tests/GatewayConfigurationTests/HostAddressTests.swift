import Testing

@testable import GatewayConfiguration

@Suite struct HostAddressTests {
    @Test(arguments: [
        ("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("::", "::"), ("[::1]", "::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("gateway.example.com", "gateway.example.com"), ("localhost", "localhost"), ("my_host-1", "my_host-1"),
        ("", nil), ("1.2.3", nil), ("256.0.0.1", nil), (":::", nil), ("1::2::3", nil), ("a b", nil), ("a..b", nil),
        ("-a", nil), ("a/b", nil),
        ("http://a", nil), ("host:80", nil), ("fe80::1%", nil), (String(repeating: "a", count: 64), nil),
    ])
    func parse(text: String, expected: String?) {
        #expect(HostAddress.parse(text) == expected)
    }

    @Test(arguments: [
        ("127.0.0.1", true), ("127.9.9.9", true), ("::1", true), ("0:0:0:0:0:0:0:1", true), ("::ffff:127.0.0.1", true),
        ("localhost", true),
        ("LOCALHOST", true), ("a.localhost", true), ("0.0.0.0", false), ("::", false), ("10.0.0.1", false),
        ("::2", false),
        ("::ffff:10.0.0.1", false), ("128.0.0.1", false), ("example.com", false), ("notlocalhost", false),
    ])
    func loopback(host: String, expected: Bool) {
        #expect(HostAddress.isLoopback(host) == expected)
    }

    @Test func hostNamesBecomeNodeNames() {
        #expect(HostName.nodeID(from: "web-1.example") == "web-1.example")
        #expect(HostName.nodeID(from: "höst name") == "h-st-name")
        #expect(HostName.nodeID(from: "") == "node")
        #expect(HostName.nodeID(from: String(repeating: "a", count: 99)).count == 64)
        #expect(problems(environment: ["MCP_NODE_ID": HostName.current]) == [])
        #expect(GatewayConfiguration().cluster.nodeID == HostName.current)
    }

    @Test(arguments: [
        ("https://app.example.com", "https://app.example.com"), ("HTTPS://App.Example.com/", "https://app.example.com"),
        ("https://a:443", "https://a"), ("http://a:80", "http://a"), ("http://a:443", "http://a:443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:5173", "http://[::1]:5173"), ("capacitor://localhost", "capacitor://localhost"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("*", nil), ("null", nil), ("app.example.com", nil), ("https://", nil), ("https://a/path", nil),
        ("https://a:0", nil), ("https://a:x", nil),
        ("https://a:", nil), ("https://a b", nil), ("://a", nil), ("1http://a", nil), ("https://u@a", nil),
        ("https://::1", nil), ("https://[a]", nil),
        ("https://*.example.com", nil), ("https://a:65536", nil),
    ])
    func origins(text: String, expected: String?) {
        #expect(WebOrigin.parse(text) == expected)
    }
}
