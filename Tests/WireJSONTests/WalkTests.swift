import Testing

@testable import WireJSON

/// Walking over a text member by member: spans of what was asked for, the rest stays bytes.
@Suite struct WalkTests {
    private func text(_ span: JSONSpan, _ bytes: [UInt8]) -> String {
        String(decoding: bytes[span.offset..<span.end], as: UTF8.self)
    }

    @Test func spansOfMembers() throws {
        let bytes = Array(#" { "a" : [1, {"x": "]}"}] , "b":"\"c\"" } "#.utf8)
        let members = try bytes.withUnsafeBytes { raw in
            var scanner = JSONScanner(raw, maxDepth: 8)
            var members: [(String, String)] = []
            if try scanner.beginObject() {
                repeat {
                    let key = try scanner.key()
                    members.append((text(key, bytes), text(try scanner.value(), bytes)))
                } while try scanner.nextMember()
            }
            try scanner.finish()
            return members
        }
        #expect(members.map(\.0) == [#""a""#, #""b""#])
        #expect(members.map(\.1) == [#"[1, {"x": "]}"}]"#, #""\"c\"""#])
    }

    @Test func emptyObjectsAndArraysAreClosedAtOnce() throws {
        try Array("{ } [ ]".utf8).withUnsafeBytes { raw in
            var scanner = JSONScanner(raw, maxDepth: 8)
            #expect(try !scanner.beginObject())
            #expect(try !scanner.beginArray())
            try scanner.finish()
        }
    }

    @Test func duplicateNamesAreHandedOutBoth() throws {
        try Array(#"{"a":1,"a":2}"#.utf8).withUnsafeBytes { raw in
            var scanner = JSONScanner(raw, maxDepth: 8)
            var count = 0
            #expect(try scanner.beginObject())
            repeat {
                _ = try scanner.key()
                _ = try scanner.value()
                count += 1
            } while try scanner.nextMember()
            #expect(count == 2)
        }
    }

    @Test func lookingAheadTakesNothing() throws {
        try Array("  [1]".utf8).withUnsafeBytes { raw in
            var scanner = JSONScanner(raw, maxDepth: 8)
            #expect(try scanner.peek() == UInt8(ascii: "["))
            #expect(try !scanner.take(UInt8(ascii: "{")))
            #expect(try scanner.take(UInt8(ascii: "[")))
            #expect(throws: JSONError.unexpectedByte(offset: 3)) { _ = try scanner.string() }
            #expect(try scanner.value() == JSONSpan(offset: 3, length: 1))
            #expect(try !scanner.nextElement())
            try scanner.finish()
        }
    }

    @Test(arguments: [
        ("{}", false), ("{\n}", true), ("[1,\r2]", true), (#"{"a":"\n"}"#, false), ("[1, 2]\n", true), ("\t[ ]", false),
    ])
    func lineBreaksBetweenTokensAreNoted(text: String, expected: Bool) throws {
        try Array(text.utf8).withUnsafeBytes { raw in
            var scanner = JSONScanner(raw, maxDepth: 8)
            _ = try scanner.value()
            try scanner.finish()
            #expect(scanner.sawLineBreak == expected)
        }
    }

    /// Each value's span is the value's text without the space around it.
    @Test(arguments: 0..<20)
    func spansHaveNoSpaceAround(seed: Int) throws {
        var generator = JSONGenerator(seed: seed)
        for _ in 0..<20 {
            let bytes = generator.document()
            let span = try bytes.withUnsafeBytes { raw in
                var scanner = JSONScanner(raw, maxDepth: 64)
                return try scanner.value()
            }
            let space: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
            #expect(bytes[..<span.offset].allSatisfy(space.contains))
            #expect(bytes[span.end...].allSatisfy(space.contains))
            #expect(!space.contains(bytes[span.offset]) && !space.contains(bytes[span.end - 1]))
        }
    }
}
