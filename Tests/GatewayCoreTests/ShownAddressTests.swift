import GatewayCore
import Testing

@Suite("Addresses as they may be shown")
struct ShownAddressTests {
    @Test(
        "What lets people in stays out",
        arguments: [
            ("http://user:password@host:80/path?key=value", "http://********@host:80/path?********"),
            ("https://user@host", "https://********@host"),
            ("http://a@b@host/x", "http://********@host/x"),
            ("http://host/path?", "http://host/path?********"),
            ("http://host/@scope/x", "http://host/@scope/x"),
            ("http://host/@x?key#part", "http://host/@x?********"),
            ("`other://user:password@host`", "`other://********@host`"),
            ("user:password@host", "********@host"),
            ("http://[::1]:80/mcp", "http://[::1]:80/mcp"), ("", ""), ("@", "********@"), ("?", "?********"),
        ])
    func hides(_ address: String, _ shown: String) {
        #expect(ShownAddress.text(address) == shown)
    }
}
