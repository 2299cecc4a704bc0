import GatewayCore
import Testing

struct ProxyHeaderTests {
    private static func parse(_ bytes: [UInt8]) -> ProxyHeader.Outcome {
        bytes.withUnsafeBytes { ProxyHeader.parse($0) }
    }

    private static func parse(_ text: String) -> ProxyHeader.Outcome { parse(Array(text.utf8)) }

    private static func found(_ address: String, _ port: UInt16, _ length: Int) throws -> ProxyHeader.Outcome {
        .header(ProxyHeader(source: .init(address: try #require(IPAddress(address)), port: port), length: length))
    }

    private static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]

    private static func binary(_ command: UInt8, _ family: UInt8, _ body: [UInt8], length: Int? = nil) -> [UInt8] {
        let length = length ?? body.count
        return signature + [command, family, UInt8(length >> 8), UInt8(length & 0xFF)] + body
    }

    private static let ipv4: [UInt8] = [192, 0, 2, 1, 198, 51, 100, 1, 0x1F, 0x90, 0x01, 0xBB]
    private static let ipv6: [UInt8] =
        [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [1]
        + [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [2] + [0x1F, 0x90, 0x01, 0xBB]

    @Test func `version 1`() throws {
        let four = "PROXY TCP4 192.0.2.1 198.51.100.1 8080 443\r\n"
        #expect(Self.parse(four + "GET /") == (try Self.found("192.0.2.1", 8080, four.utf8.count)))
        let six = "PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n"
        #expect(Self.parse(six) == (try Self.found("2001:db8::1", 0, six.utf8.count)))
        let clothed = "PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n"
        #expect(Self.parse(clothed) == (try Self.found("192.0.2.1", 1, clothed.utf8.count)))
        #expect(Self.parse("PROXY UNKNOWN\r\n") == .header(ProxyHeader(source: nil, length: 15)))
        let longest = "PROXY UNKNOWN " + String(repeating: "f", count: 91) + "\r\n"
        #expect(longest.utf8.count == 107)
        #expect(Self.parse(longest) == .header(ProxyHeader(source: nil, length: 107)))
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\n", "PROXY\r\n", "PROXY \r\n", "proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n", "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n",
        "PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n", "PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n",
        "PROXY TCP4 ::1 2.2.2.2 1 2\r\n", "PROXY TCP6 1.1.1.1 ::1 1 2\r\n", "PROXY TCP5 1.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY TCP4 01.1.1.1 2.2.2.2 1 2\r\n", "PROXY TCP4 1.1.1.1 2.2.2.2 1 \r\n",
        "PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n",
    ])
    func `no header of version 1`(text: String) { #expect(Self.parse(text) == .invalid) }

    @Test func `a line that does not end is refused at 107 bytes`() {
        #expect(Self.parse("PROXY UNKNOWN " + String(repeating: "f", count: 92)) == .incomplete)
        #expect(Self.parse("PROXY UNKNOWN " + String(repeating: "f", count: 93)) == .invalid)
    }

    @Test func `version 2`() throws {
        #expect(Self.parse(Self.binary(0x21, 0x11, Self.ipv4) + [1, 2, 3]) == (try Self.found("192.0.2.1", 8080, 28)))
        #expect(Self.parse(Self.binary(0x21, 0x21, Self.ipv6)) == (try Self.found("2001:db8::1", 8080, 52)))
        // Extensions behind the addresses are passed over.
        #expect(
            Self.parse(Self.binary(0x21, 0x11, Self.ipv4 + [3, 0, 4, 1, 2, 3, 4]))
                == (try Self.found("192.0.2.1", 8080, 35)))
        // Health checks, unknown families, datagrams and local sockets say nothing of where a stream comes from.
        for header in [
            Self.binary(0x20, 0x00, []), Self.binary(0x20, 0x11, Self.ipv4), Self.binary(0x21, 0x00, []),
            Self.binary(0x21, 0x12, Self.ipv4), Self.binary(0x21, 0x31, [UInt8](repeating: 65, count: 216)),
        ] {
            #expect(Self.parse(header) == .header(ProxyHeader(source: nil, length: header.count)))
        }
    }

    @Test func `no header of version 2`() {
        #expect(Self.parse(Self.binary(0x11, 0x11, Self.ipv4)) == .invalid, "another version")
        #expect(Self.parse(Self.binary(0x22, 0x11, Self.ipv4)) == .invalid, "another command")
        #expect(
            Self.parse(Self.binary(0x21, 0x11, Array(Self.ipv4.dropLast()))) == .invalid, "too short for its addresses")
        #expect(Self.parse(Self.binary(0x21, 0x21, Self.ipv4)) == .invalid)
        #expect(Self.parse(Self.binary(0x21, 0x41, Self.ipv4)) == .invalid, "no such family")
        #expect(Self.parse(Self.binary(0x21, 0x13, Self.ipv4)) == .invalid, "no such kind of socket")
        #expect(Self.parse(Self.binary(0x21, 0x11, [], length: 2033)) == .invalid, "more than anybody needs")
        #expect(Self.parse(Self.binary(0x21, 0x11, [], length: 2032)) == .incomplete)
    }

    @Test func `every beginning of a header is incomplete, and what follows it does not matter`() throws {
        for header in [
            Array("PROXY TCP4 192.0.2.1 198.51.100.1 8080 443\r\n".utf8), Self.binary(0x21, 0x11, Self.ipv4),
            Self.binary(0x21, 0x21, Self.ipv6 + [1, 0, 0]), Self.binary(0x20, 0, []),
        ] {
            for count in 0..<header.count {
                #expect(Self.parse(Array(header[..<count])) == .incomplete)
            }
            let whole = Self.parse(header)
            #expect(whole == Self.parse(header + header))
            guard case .header(let found) = whole else {
                Issue.record("\(whole)")
                continue
            }
            #expect(found.length == header.count)
        }
    }

    @Test(arguments: 0..<50)
    func `whatever comes is decided within the bound, and never taken back`(seed: Int) {
        var random = SeededGenerator(seed)
        let beginnings = [
            [], Array("PROXY ".utf8), Array("PROXY TCP4 1.1.1.1 ".utf8), Self.signature, Self.signature + [0x21, 0x11],
        ]
        for _ in 0..<200 {
            var bytes = random.pick(beginnings)
            let length = random.below(300)
            while bytes.count < length {
                bytes.append(random.oneIn(8) ? 0x0D : random.oneIn(8) ? 0x0A : UInt8(random.below(256)))
            }
            var decided: ProxyHeader.Outcome?
            for count in 0...bytes.count {
                let outcome = Self.parse(Array(bytes[..<count]))
                if let decided { #expect(outcome == decided) }
                if outcome != .incomplete { decided = decided ?? outcome }
                if case .header(let header) = outcome {
                    #expect(header.length <= count && header.length <= ProxyHeader.maxLength)
                }
            }
        }
    }
}
