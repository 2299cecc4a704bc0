import GatewayCore
import Testing

struct ForwardedPathTests {
    private static func path(_ forwarded: String...) -> ForwardedPath {
        ForwardedPath(forwarded: forwarded, forwardedFor: ["9.9.9.9"], forwardedProto: [])
    }

    private static func path(for list: String..., proto: [String] = []) -> ForwardedPath {
        ForwardedPath(forwarded: [], forwardedFor: list, forwardedProto: proto)
    }

    private static func hop(_ address: String?, _ scheme: String? = nil) -> ForwardedPath.Hop {
        .init(address: address.flatMap { IPAddress($0) }, scheme: scheme)
    }

    @Test func `Forwarded as in RFC 7239`() {
        #expect(Self.path(#"for="_gazonk""#).hops == [Self.hop(nil)])
        #expect(Self.path(#"For="[2001:db8:cafe::17]:4711""#).hops == [Self.hop("2001:db8:cafe::17")])
        #expect(Self.path("for=192.0.2.60;proto=http;by=203.0.113.43").hops == [Self.hop("192.0.2.60", "http")])
        #expect(
            Self.path("for=192.0.2.43, for=198.51.100.17").hops == [Self.hop("192.0.2.43"), Self.hop("198.51.100.17")])
        #expect(
            Self.path("for=192.0.2.43", "for=198.51.100.17;proto=HTTPS").hops == [
                Self.hop("192.0.2.43"), Self.hop("198.51.100.17", "https"),
            ])
        #expect(Self.path(#"for="192.0.2.1:_port" ; proto=https"#).hops == [Self.hop("192.0.2.1", "https")])
        #expect(Self.path("for=unknown").hops == [Self.hop(nil)])
        #expect(Self.path(#"secret="a,b;for=6.6.6.6";for=192.0.2.1"#).hops == [Self.hop("192.0.2.1")])
        #expect(Self.path(#"for="192.0.2.1\"#).hops == [Self.hop(nil)])
        #expect(Self.path(#"for="192.0.2\.1""#).hops == [Self.hop("192.0.2.1")])
        #expect(Self.path("for=192.0.2.1;nonsense").hops == [Self.hop(nil)])
        #expect(Self.path("for=192.0.2.1;proto=gopher").hops == [Self.hop("192.0.2.1")])
    }

    @Test func `the older headers`() {
        #expect(Self.path(for: "192.0.2.1").hops == [Self.hop("192.0.2.1")])
        #expect(
            Self.path(for: "192.0.2.1 ,\t10.0.0.1", "2001:db8::1").hops.map(\.address)
                == ["192.0.2.1", "10.0.0.1", "2001:db8::1"].map { IPAddress($0) })
        #expect(
            Self.path(for: "192.0.2.1:4711, [2001:db8::1]:80, [2001:db8::2]").hops.map(\.address)
                == ["192.0.2.1", "2001:db8::1", "2001:db8::2"].map { IPAddress($0) })
        #expect(Self.path(for: "unknown, , 10.0.0.1").hops == [Self.hop(nil), Self.hop(nil), Self.hop("10.0.0.1")])
        #expect(Self.path(for: "1.1.1.1:x, [::1, ::1]:1, 1.1.1.1:123456").hops.allSatisfy { $0.address == nil })
        #expect(Self.path(for: "1.1.1.1, 2.2.2.2", proto: ["https, http"]).hops.map(\.scheme) == ["https", "http"])
        #expect(Self.path(for: "1.1.1.1, 2.2.2.2", proto: ["HTTPS"]).hops.map(\.scheme) == ["https", "https"])
        #expect(
            ForwardedPath(forwarded: [], forwardedFor: [], forwardedProto: ["https"]).hops == [Self.hop(nil, "https")])
        #expect(ForwardedPath(forwarded: [], forwardedFor: [], forwardedProto: []).hops == [])
    }

    @Test func `only trusted proxies are believed, from the last to the first`() throws {
        let range = try #require(IPAddressRange("10.0.0.0/8"))
        func origin(_ path: ForwardedPath, from peer: String) throws -> (IPAddress, String?) {
            path.origin(peer: try #require(IPAddress(peer))) { range.contains($0) }
        }
        let forged = Self.path(for: "6.6.6.6, 192.0.2.1, 10.0.0.2", proto: ["https"])
        #expect(try origin(forged, from: "10.0.0.1") == (IPAddress("192.0.2.1")!, "https"))
        #expect(try origin(forged, from: "192.0.2.9") == (IPAddress("192.0.2.9")!, nil), "nobody trusts this peer")
        // Where a proxy does not say, the way ends at itself.
        #expect(
            try origin(Self.path(for: "6.6.6.6, unknown, 10.0.0.2"), from: "10.0.0.1") == (IPAddress("10.0.0.2")!, nil))
        #expect(
            try origin(Self.path(for: "10.0.0.9"), from: "10.0.0.1") == (IPAddress("10.0.0.9")!, nil),
            "all of them are proxies")
        #expect(try origin(Self.path(for: ""), from: "10.0.0.1") == (IPAddress("10.0.0.1")!, nil))
    }

    @Test func `a long way is cut at its far end`() {
        let list = (0..<100).map { "192.0.2.\($0)" }.joined(separator: ",")
        #expect(Self.path(for: list).hops.count == 32)
        #expect(Self.path(for: list).hops.last == Self.hop("192.0.2.99"))
        #expect(
            Self.path((0..<100).map { "for=192.0.2.\($0)" }.joined(separator: ",")).hops.last == Self.hop("192.0.2.99"))
    }

    @Test(arguments: 0..<50)
    func `whatever stands in the headers, the answer is an address that stands there or the peer`(seed: Int) throws {
        var random = SeededGenerator(seed)
        let pieces = [
            "for=", "proto=", "1.2.3.4", "10.0.0.1", "[::1]", "\"", "\\", ";", ",", " ", ":", "https", "=", "é", "_x",
            "]",
        ]
        let peer = try #require(IPAddress("10.0.0.1"))
        for _ in 0..<200 {
            let text = (0..<random.below(20)).map { _ in random.pick(pieces) }.joined()
            for path in [Self.path(text), Self.path(for: text, proto: [text])] {
                let origin = path.origin(peer: peer) { !$0.isIPv6 }
                #expect(origin.address == peer || path.hops.contains { $0.address == origin.address })
            }
        }
    }
}
