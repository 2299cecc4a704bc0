import GatewayCore
import NIOCore
import NIOHTTP1
import Testing

@testable import GatewayServer

struct PeerPolicyTests {
    private static func policy(_ ranges: String...) throws -> PeerPolicy {
        PeerPolicy(trusted: try ranges.map { try #require(IPAddressRange($0)) })
    }

    private static func peer(_ text: String) throws -> SocketAddress { try SocketAddress(ipAddress: text, port: 9) }

    @Test func `without proxies nobody is believed`() throws {
        let policy = try Self.policy()
        let peer = try Self.peer("127.0.0.1")
        #expect(!policy.isTrusted(peer))
        let origin = policy.origin(of: ["X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"], peer: peer)
        #expect(origin.address == peer)
        #expect(origin.isSecure == nil)
    }

    @Test func `headers of any case and on several lines`() throws {
        let policy = try Self.policy("10.0.0.0/8")
        let peer = try Self.peer("::ffff:10.0.0.1")
        #expect(policy.isTrusted(peer))
        let headers: HTTPHeaders = [
            "x-forwarded-for": "192.0.2.1", "X-Forwarded-For": "10.0.0.2", "X-FORWARDED-PROTO": "https",
        ]
        let origin = policy.origin(of: headers, peer: peer)
        #expect(origin.address?.ipAddress == "192.0.2.1")
        #expect(origin.isSecure == true)
        let forwarded = policy.origin(
            of: ["Forwarded": "for=\"[2001:db8::7]:1\";proto=http", "X-Forwarded-For": "192.0.2.1"], peer: peer)
        #expect(forwarded.address?.ipAddress == "2001:db8::7")
        #expect(forwarded.isSecure == false)
    }

    @Test(arguments: ["192.0.2.1", "2001:db8::1", "0.0.0.0", "::1"])
    func `addresses survive the way there and back`(text: String) throws {
        let address = try #require(IPAddress(text))
        let socket = SocketAddress(address, port: 4711)
        #expect(socket.ipAddress == text)
        #expect(socket.port == 4711)
        #expect(IPAddress(socket) == address)
        #expect(IPAddress(nil as SocketAddress?) == nil)
    }
}
