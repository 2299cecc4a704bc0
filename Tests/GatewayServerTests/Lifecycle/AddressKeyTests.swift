import NIOCore
import Testing

@testable import GatewayServer

struct AddressKeyTests {
    private func key(_ address: String, port: Int = 1) throws -> AddressKey? {
        AddressKey(try SocketAddress(ipAddress: address, port: port))
    }

    @Test(
        "addresses of one customer are one",
        arguments: [
            ("10.0.0.1", "10.0.0.1"), ("255.255.255.255", "255.255.255.255"), ("::ffff:10.0.0.1", "10.0.0.1"),
            ("::ffff:255.0.0.1", "255.0.0.1"), ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"),
            ("2001:db8:1:2::", "2001:db8:1:2:0:0:0:1"), ("::2", "::3"),
        ])
    func same(a: String, b: String) throws {
        let first = try #require(try key(a))
        let second = try #require(try key(b, port: 65_535))
        #expect(first == second)
        #expect(first.hashValue == second.hashValue)
    }

    @Test(
        "addresses of different customers are not",
        arguments: [
            ("10.0.0.1", "10.0.0.2"), ("10.0.0.1", "1.0.0.10"), ("2001:db8:1:2::1", "2001:db8:1:3::1"),
            ("2001:db8:1:2::1", "2001:db9:1:2::1"), ("::ffff:10.0.0.1", "::ffff:10.0.0.2"), ("10.0.0.1", "::10.0.0.1"),
            ("0.0.0.0", "::"), ("10.0.0.1", "0:0:0a00:1::1"),
        ])
    func different(a: String, b: String) throws {
        #expect(try key(a) != key(b))
    }

    @Test(
        "loopback does not count",
        arguments: ["127.0.0.1", "127.0.0.2", "127.255.255.255", "::1", "::ffff:127.0.0.1", "::ffff:127.3.2.1"])
    func loopback(address: String) throws {
        #expect(try key(address) == nil)
    }

    @Test(arguments: ["126.255.255.255", "128.0.0.0", "0.0.0.127", "::ffff:126.0.0.1", "1::1", "7f00::1"])
    func `what is next to loopback counts`(address: String) throws {
        #expect(try key(address) != nil)
    }

    @Test func `sockets without an IP address do not count`() throws {
        #expect(AddressKey(nil) == nil)
        #expect(AddressKey(try SocketAddress(unixDomainSocketPath: "/tmp/x")) == nil)
    }
}
