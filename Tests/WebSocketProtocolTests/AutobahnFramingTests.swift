import Testing

@testable import WebSocketProtocol

/// Groups 1 to 5 of the Autobahn test suite: framing, pings, reserved bits, opcodes, fragmentation.
@Suite struct AutobahnFramingTests {
    static let sizes = [0, 125, 126, 127, 128, 65_535, 65_536]
    static func stars(_ count: Int) -> [UInt8] { [UInt8](repeating: UInt8(ascii: "*"), count: count) }
    static let hello = Array("Hello, world!".utf8)

    static let framing: [AutobahnCase] =
        sizes.map {
            AutobahnCase("1.1 text of \($0)", [.bytes(1, stars($0))], [.text(String(repeating: "*", count: $0))])
        }
        + sizes.map {
            AutobahnCase(
                "1.2 binary of \($0)", [.bytes(2, [UInt8](repeating: 0xFE, count: $0))],
                [.binary([UInt8](repeating: 0xFE, count: $0))])
        }

    static let pings: [AutobahnCase] = [
        AutobahnCase("2.1 empty", [.bytes(9)], [.ping([])]),
        AutobahnCase("2.2 text", [.bytes(9, hello)], [.ping(hello)]),
        AutobahnCase(
            "2.3 not UTF-8", [.bytes(9, [0x00, 0xFF, 0xFE, 0xFD, 0xFC, 0xFB, 0x00, 0xFF])],
            [.ping([0x00, 0xFF, 0xFE, 0xFD, 0xFC, 0xFB, 0x00, 0xFF])]),
        AutobahnCase("2.4 of 125", [.bytes(9, stars(125))], [.ping(stars(125))]),
        AutobahnCase("2.5 of 126", [.bytes(9, stars(126))], [.violation(1002)]),
        AutobahnCase("2.7 unasked pong", [.bytes(10)], [.pong([])]),
        AutobahnCase("2.8 unasked pong with payload", [.bytes(10, hello)], [.pong(hello)]),
        AutobahnCase("2.9 unasked pong, then ping", [.bytes(10, hello), .bytes(9, [1])], [.pong(hello), .ping([1])]),
        AutobahnCase("2.10 ten pings", (0..<10).map { .bytes(9, [UInt8($0)]) }, (0..<10).map { .ping([UInt8($0)]) }),
    ]

    static let reserved: [AutobahnCase] = [
        AutobahnCase("3.1 bits 1", [ClientFrame(reserved: 1, opcode: 1, payload: hello)], [.violation(1002)]),
        AutobahnCase(
            "3.2 bits 2 after a text", [.text("a"), ClientFrame(reserved: 2, opcode: 1, payload: hello), .bytes(9)],
            [.text("a"), .violation(1002)]),
        AutobahnCase(
            "3.3 bits 3", [.text("a"), ClientFrame(reserved: 3, opcode: 1), .bytes(9)], [.text("a"), .violation(1002)]),
        AutobahnCase(
            "3.4 bits 4", [.text("a"), ClientFrame(reserved: 4, opcode: 1), .bytes(9)], [.text("a"), .violation(1002)]),
        AutobahnCase("3.5 bits 5 on binary", [ClientFrame(reserved: 5, opcode: 2, payload: hello)], [.violation(1002)]),
        AutobahnCase("3.6 bits 6 on a ping", [ClientFrame(reserved: 6, opcode: 9, payload: hello)], [.violation(1002)]),
        AutobahnCase("3.7 bits 7 on a close", [ClientFrame(reserved: 7, opcode: 8)], [.violation(1002)]),
    ]

    static let opcodes: [AutobahnCase] = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap { (opcode: UInt8) in
        [
            AutobahnCase("4 opcode \(opcode) empty", [.bytes(opcode)], [.violation(1002)]),
            AutobahnCase(
                "4 opcode \(opcode) after a text", [.text("a"), .bytes(opcode, hello), .bytes(9)],
                [.text("a"), .violation(1002)]),
        ]
    }

    static let fragments: [AutobahnCase] = [
        AutobahnCase(
            "5.1 ping in fragments", [.bytes(9, hello, isFinal: false), .bytes(0, hello)], [.violation(1002)]),
        AutobahnCase(
            "5.2 pong in fragments", [.bytes(10, hello, isFinal: false), .bytes(0, hello)], [.violation(1002)]),
        AutobahnCase(
            "5.3 text in two", [.text("frag", isFinal: false), .bytes(0, Array("ment".utf8))], [.text("fragment")]),
        AutobahnCase(
            "5.6 ping between", [.text("frag", isFinal: false), .bytes(9, [1]), .bytes(0, Array("ment".utf8))],
            [.ping([1]), .text("fragment")]),
        AutobahnCase("5.9 continuation of nothing", [.bytes(0, hello), .text("a")], [.violation(1002)]),
        AutobahnCase(
            "5.12 unfinished continuation of nothing", [.bytes(0, hello, isFinal: false), .text("a")],
            [.violation(1002)]),
        AutobahnCase(
            "5.15 continuation after the end",
            [
                .text("frag", isFinal: false), .bytes(0, Array("ment".utf8)), .bytes(0, hello, isFinal: false),
                .text("a"),
            ],
            [.text("fragment"), .violation(1002)]),
        AutobahnCase(
            "5.16 continuation, then text", [.bytes(0, hello, isFinal: false), .text("a", isFinal: false), .bytes(0)],
            [.violation(1002)]),
        AutobahnCase(
            "5.17 final continuation, then text", [.bytes(0, hello), .text("a", isFinal: false), .bytes(0)],
            [.violation(1002)]),
        AutobahnCase("5.18 a text inside a text", [.text("a", isFinal: false), .text("b")], [.violation(1002)]),
        AutobahnCase("5.18 a binary inside a text", [.text("a", isFinal: false), .bytes(2, [1])], [.violation(1002)]),
        AutobahnCase(
            "5.19 five fragments, pings between",
            [
                .text("1", isFinal: false), .bytes(0, [0x32], isFinal: false), .bytes(9, Array("p1".utf8)),
                .bytes(0, [0x33], isFinal: false),
                .bytes(0, [0x34], isFinal: false), .bytes(9, Array("p2".utf8)), .bytes(0, [0x35]),
            ], [.ping(Array("p1".utf8)), .ping(Array("p2".utf8)), .text("12345")]),
    ]

    @Test(arguments: [framing, pings, reserved, opcodes, fragments].joined().map { $0 })
    func autobahn(autobahn: AutobahnCase) {
        for (how, seen) in autobahn.played() {
            let isRight = seen == autobahn.expected
            #expect(isRight, "\(autobahn.name), sent \(how)")
        }
    }
}
