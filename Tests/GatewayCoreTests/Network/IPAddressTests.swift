import GatewayCore
import Testing

struct IPAddressTests {
    @Test(arguments: [
        ("0.0.0.0", 0), ("192.0.2.1", 0xC000_0201), ("255.255.255.255", 0xFFFF_FFFF), ("::ffff:192.0.2.1", 0xC000_0201),
        ("::ffff:c000:201", 0xC000_0201),
    ])
    func `IPv4, also in IPv6 clothes`(text: String, value: UInt32) {
        #expect(IPAddress(text) == IPAddress(ipv4: value))
    }

    @Test(arguments: [
        ("::", 0, 0), ("::1", 0, 1), ("1::", 1 << 48, 0), ("2001:db8::1", 0x2001_0DB8_0000_0000, 1),
        ("2001:DB8:0:0:0:0:0:1", 0x2001_0DB8_0000_0000, 1), ("::1:2", 0, 0x1_0002),
        ("64:ff9b::192.0.2.1", 0x64_FF9B << 32, 0xC000_0201),
        ("1:2:3:4:5:6:7:8", 0x0001_0002_0003_0004, 0x0005_0006_0007_0008),
        ("1:2:3:4:5:6:7::", 0x0001_0002_0003_0004, 0x0005_0006_0007_0000),
    ])
    func `IPv6`(text: String, high: UInt64, low: UInt64) {
        let address = IPAddress(text)
        #expect(address == IPAddress(ipv6: high, low))
        #expect(address?.isIPv6 == true)
    }

    @Test(arguments: [
        "", ".", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.x", " 1.2.3.4", "1.2.3.4 ", ":", ":::", "1:2",
        "1::2::3",
        "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "12345::", "g::", "::1.2.3", "1.2.3.4::", "::1.2.3.4:5", "[::1]",
        "::1%lo",
        "1:2:3:4:5:6:7:", ":1:2:3:4:5:6:7:8", "1.2.3.4:80", "0x1.2.3.4", "1.2.3.٤",
    ])
    func `no address`(text: String) { #expect(IPAddress(text) == nil) }

    @Test func `loopback`() {
        for text in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            #expect(IPAddress(text)?.isLoopback == true)
        }
        for text in ["128.0.0.1", "126.255.255.255", "::2", "::"] { #expect(IPAddress(text)?.isLoopback == false) }
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.0", false), ("10.1.2.3", "10.1.2.3", true),
        ("10.1.2.3", "10.1.2.4", false), ("0.0.0.0/0", "1.2.3.4", true), ("0.0.0.0/0", "::1", false),
        ("::/0", "::1", true),
        ("::/0", "1.2.3.4", false), ("2001:db8::/32", "2001:db8:ffff::1", true), ("2001:db8::/32", "2001:db9::", false),
        ("fe80::/10", "febf::1", true), ("fe80::/10", "fec0::1", false), ("::1/128", "::1", true),
        ("2001:db8::/65", "2001:db8::7fff:0:0:0", true),
        ("2001:db8::/65", "2001:db8::8000:0:0:0", false), ("10.0.0.0/31", "10.0.0.1", true),
        ("10.0.0.0/31", "10.0.0.2", false),
    ])
    func `ranges`(range: String, address: String, isInside: Bool) throws {
        let range = try #require(IPAddressRange(range))
        #expect(range.contains(try #require(IPAddress(address))) == isInside)
    }

    @Test(arguments: [
        "", "/", "10.0.0.0/", "/8", "10.0.0.1/8", "10.0.0.0/33", "::/129", "10.0.0.0/8/8", "10.0.0.0/+8", "10.0.0.0/-1",
    ])
    func `no range`(text: String) { #expect(IPAddressRange(text) == nil) }
}
