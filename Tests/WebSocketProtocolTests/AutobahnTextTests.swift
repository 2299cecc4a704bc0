import Testing

@testable import WebSocketProtocol

/// Group 6 of the Autobahn test suite: UTF-8 in texts.
@Suite struct AutobahnTextTests {
    static let greek: [UInt8] = [0xCE, 0xBA, 0xE1, 0xBD, 0xB9, 0xCF, 0x83, 0xCE, 0xBC, 0xCE, 0xB5]

    /// 6.5 to 6.23, named after Markus Kuhn's decoder test.
    static let valid: [(String, [UInt8])] = [
        ("6.5 greek", greek), ("6.2 euro and more", Array("Hello-µ@ßöäüàá-UTF-8!!".utf8)),
        ("6.7 first of one", [0x00]), ("6.7 first of two", [0xC2, 0x80]), ("6.7 first of three", [0xE0, 0xA0, 0x80]),
        ("6.7 first of four", [0xF0, 0x90, 0x80, 0x80]), ("6.9 last of one", [0x7F]),
        ("6.9 last of two", [0xDF, 0xBF]),
        ("6.9 last of three", [0xEF, 0xBF, 0xBF]), ("6.9 last of four", [0xF4, 0x8F, 0xBF, 0xBF]),
        ("6.11 before surrogates", [0xED, 0x9F, 0xBF]),
        ("6.11 behind surrogates", [0xEE, 0x80, 0x80]), ("6.11 replacement", [0xEF, 0xBF, 0xBD]),
        ("6.22 noncharacter", [0xEF, 0xBF, 0xBE]),
        ("6.22 noncharacter", [0xF0, 0x9F, 0xBF, 0xBE]), ("6.22 noncharacter", [0xF3, 0xBF, 0xBF, 0xBF]),
        ("6.23 specials", [0xEF, 0xBF, 0xB9]),
    ]

    static let invalid: [(String, [UInt8])] = [
        ("6.3 surrogate in the middle", greek + [0xED, 0xA0, 0x80, 0x65, 0x64, 0x69, 0x74, 0x65, 0x64]),
        ("6.6 cut greek", [0xCE]), ("6.6 cut greek", [0xCE, 0xBA, 0xE1]), ("6.6 cut greek", [0xCE, 0xBA, 0xE1, 0xBD]),
        ("6.6 cut greek", [0xCE, 0xBA, 0xE1, 0xBD, 0xB9, 0xCF]), ("6.8 five bytes", [0xF8, 0x88, 0x80, 0x80, 0x80]),
        ("6.8 six bytes", [0xFC, 0x84, 0x80, 0x80, 0x80, 0x80]), ("6.10 last of four", [0xF7, 0xBF, 0xBF, 0xBF]),
        ("6.10 last of five", [0xFB, 0xBF, 0xBF, 0xBF, 0xBF]), ("6.11 beyond the end", [0xF4, 0x90, 0x80, 0x80]),
        ("6.12 continuation", [0x80]),
        ("6.12 continuations", [0xBF, 0x80, 0xBF]), ("6.13 start alone", [0xC0, 0x20]),
        ("6.13 start alone", [0xE0, 0x20]), ("6.13 start alone", [0xF0, 0x20]),
        ("6.14 last missing", [0xDF]), ("6.14 last missing", [0xEF, 0xBF]), ("6.14 last missing", [0xF7, 0xBF, 0xBF]),
        ("6.15 several incomplete", [0xC0, 0xE0, 0x80, 0xF0, 0x80, 0x80]), ("6.16 impossible", [0xFE]),
        ("6.16 impossible", [0xFF]),
        ("6.16 impossible", [0xFE, 0xFE, 0xFF, 0xFF]), ("6.17 overlong slash", [0xC0, 0xAF]),
        ("6.17 overlong slash", [0xE0, 0x80, 0xAF]),
        ("6.17 overlong slash", [0xF0, 0x80, 0x80, 0xAF]), ("6.18 longest overlong", [0xC1, 0xBF]),
        ("6.18 longest overlong", [0xE0, 0x9F, 0xBF]),
        ("6.18 longest overlong", [0xF0, 0x8F, 0xBF, 0xBF]), ("6.19 overlong NUL", [0xC0, 0x80]),
        ("6.19 overlong NUL", [0xE0, 0x80, 0x80]),
        ("6.20 surrogate", [0xED, 0xA0, 0x80]), ("6.20 surrogate", [0xED, 0xAF, 0xBF]),
        ("6.20 surrogate", [0xED, 0xBF, 0xBF]),
        ("6.21 pair of surrogates", [0xED, 0xA0, 0x80, 0xED, 0xB0, 0x80]),
    ]

    /// Whole, in fragments of one byte, and those with empty ones between.
    private func forms(_ bytes: [UInt8]) -> [[ClientFrame]] {
        let each = bytes.enumerated().map { index, byte in
            ClientFrame.bytes(index == 0 ? 1 : 0, [byte], isFinal: index == bytes.count - 1)
        }
        let spread =
            [ClientFrame.bytes(1, isFinal: false)]
            + bytes.flatMap { [ClientFrame.bytes(0, [$0], isFinal: false), .bytes(0, isFinal: false)] } + [.bytes(0)]
        return [[.bytes(1, bytes)], each, spread]
    }

    @Test func validTextComesThrough() {
        for (name, bytes) in Self.valid {
            for frames in forms(bytes) {
                for (how, seen) in AutobahnCase(name, frames, []).played() {
                    #expect(seen == [.text(String(decoding: bytes, as: UTF8.self))], "\(name), sent \(how)")
                }
            }
        }
    }

    @Test func invalidTextIsClosedWith1007() {
        for (name, bytes) in Self.invalid {
            for frames in forms(bytes) {
                for (how, seen) in AutobahnCase(name, frames, []).played() {
                    #expect(seen == [.violation(1007)], "\(name), sent \(how)")
                }
            }
            #expect(decode([ClientFrame.bytes(2, bytes).encoded]).seen == [.binary(bytes)], "binary is not looked at")
        }
    }

    @Test func emptyTexts() {
        #expect(decode([[ClientFrame.text("")].encoded]).seen == [.text("")])
        #expect(
            decode([[.text("", isFinal: false), .bytes(0, isFinal: false), .bytes(0)].encoded]).seen == [.text("")])
        let middle: [ClientFrame] = [
            .text("", isFinal: false), .bytes(0, Array("middle".utf8), isFinal: false), .bytes(0),
        ]
        #expect(decode([middle.encoded]).seen == [.text("middle")])
    }

    /// 6.4: the first byte that cannot be right any more ends it, although the frame and the message go on.
    @Test func itFailsFast() {
        for (name, bytes) in Self.invalid
        where String(validating: bytes.dropLast(), as: UTF8.self) != nil || bytes.count > 1 {
            guard let bad = firstWrongByte(bytes) else { continue }
            var frame = ClientFrame.bytes(1, Self.greek + bytes[...bad], isFinal: false)
            frame.claimedLength = 1000
            let wire = frame.encoded
            #expect(decode([wire]).seen == [.violation(1007)], "\(name) inside a frame")
            #expect(decode([Array(wire.dropLast())]).seen == [], "\(name) before it")
            #expect(decode(chop(wire, into: 1)).seen == [.violation(1007)], "\(name) byte by byte")
            let fragments: [ClientFrame] = [
                .bytes(1, Self.greek, isFinal: false), .bytes(0, Array(bytes[...bad]), isFinal: false),
            ]
            #expect(decode([fragments.encoded]).seen == [.violation(1007)], "\(name) in an unfinished message")
        }
    }

    /// The place of the first byte after which no continuation is valid.
    private func firstWrongByte(_ bytes: [UInt8]) -> Int? {
        let tails: [[UInt8]] = [
            [], [0x80], [0xBF], [0x80, 0x80], [0xBF, 0xBF], [0x90, 0x80], [0x90, 0x80, 0x80], [0x80, 0x80, 0x80],
            [0xA0, 0x80], [0xBF, 0xBF, 0xBF],
        ]
        return bytes.indices.first { index in
            !tails.contains { String(validating: bytes[...index] + $0, as: UTF8.self) != nil }
        }
    }

    @Test func afterAViolationNothingIsSeen() {
        let frames: [ClientFrame] = [.bytes(1, [0xFF]), .text("a"), .bytes(9), .close(1000)]
        for (_, seen) in AutobahnCase("", frames, []).played() { #expect(seen == [.violation(1007)]) }
    }
}
