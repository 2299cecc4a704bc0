import Testing

@testable import WireJSON

/// Strings are UTF-8 (RFC 3629), without exception.
@Suite struct UTF8Tests {
    static let invalid: [(String, [UInt8])] = [
        ("a continuation alone", [0x80]), ("a continuation alone", [0xBF]), ("overlong slash", [0xC0, 0xAF]),
        ("overlong", [0xC1, 0xBF]), ("overlong of three", [0xE0, 0x9F, 0xBF]),
        ("overlong of three", [0xE0, 0x80, 0xAF]),
        ("overlong of four", [0xF0, 0x8F, 0xBF, 0xBF]), ("a surrogate", [0xED, 0xA0, 0x80]),
        ("a surrogate", [0xED, 0xBF, 0xBF]),
        ("a pair of surrogates", [0xED, 0xA0, 0xBD, 0xED, 0xB8, 0x80]), ("beyond the end", [0xF4, 0x90, 0x80, 0x80]),
        ("a lead that is none", [0xF5, 0x80, 0x80, 0x80]), ("five bytes", [0xF8, 0x88, 0x80, 0x80, 0x80]),
        ("FE", [0xFE]), ("FF", [0xFF]),
        ("cut after one", [0xC3]), ("cut after one", [0xE2]), ("cut after two", [0xE2, 0x82]),
        ("cut after three", [0xF0, 0x9F, 0x98]),
        ("no continuation", [0xC3, 0x41]), ("no continuation", [0xE2, 0x82, 0x41]),
        ("no continuation", [0xF0, 0x9F, 0x98, 0x41]),
        ("a lead in a sequence", [0xE2, 0xC3, 0xA9]),
    ]

    static let valid: [[UInt8]] = [
        [0x7F], [0xC2, 0x80], [0xDF, 0xBF], [0xE0, 0xA0, 0x80], [0xED, 0x9F, 0xBF], [0xEE, 0x80, 0x80],
        [0xEF, 0xBF, 0xBF],
        [0xF0, 0x90, 0x80, 0x80], [0xF4, 0x8F, 0xBF, 0xBF], [0xEF, 0xBB, 0xBF],
    ]

    @Test func eachClassOfInvalidUTF8IsRefusedAtEveryPlace() {
        for (name, bytes) in Self.invalid {
            for before in 0..<17 {
                let text = [UInt8](repeating: UInt8(ascii: "x"), count: before) + bytes
                #expect(!text.withUnsafeBytes { UTF8Validation.isValid($0) }, "\(name) after \(before)")
                let string = [UInt8(ascii: "\"")] + text + Array("yyyyyyyyyyyyyyyyy\"".utf8)
                #expect(complaint(string) == .invalidUTF8(offset: before + 1), "\(name) after \(before)")
                #expect(complaint(Array("{".utf8) + string + Array(":1}".utf8)) == .invalidUTF8(offset: before + 2))
            }
        }
    }

    @Test func theFirstAndLastOfEachLengthAreTaken() {
        for bytes in Self.valid {
            for before in 0..<17 {
                let text = [UInt8](repeating: UInt8(ascii: "x"), count: before) + bytes + bytes
                #expect(text.withUnsafeBytes { UTF8Validation.isValid($0) })
                #expect(complaint([0x22] + text + [0x22]) == nil)
            }
        }
    }

    @Test func outsideOfStringsNothingBeyondASCIIStands() {
        #expect(complaint(Array("[é]".utf8)) == .unexpectedByte(offset: 1))
        #expect(complaint([0x31, 0xFF]) == .trailingBytes(offset: 1))
    }

    @Test(arguments: 0..<60)
    func randomBytesAreJudgedAsTheStandardLibraryDoes(seed: Int) {
        var random = SeededGenerator(seed)
        for _ in 0..<100 {
            var bytes: [UInt8] = []
            for _ in 0..<random.below(8) {
                switch random.below(5) {
                case 0: bytes.append(UInt8(random.below(256)))
                case 1: bytes.append(contentsOf: [UInt8](repeating: 0x61, count: random.below(10)))
                case 2: bytes.append(contentsOf: random.pick(Self.invalid).1)
                default: bytes.append(contentsOf: random.pick(Self.valid))
                }
            }
            let expected = String(validating: bytes, as: UTF8.self) != nil
            let actual = bytes.withUnsafeBytes { UTF8Validation.isValid($0) }
            #expect(actual == expected, "seed \(seed): \(shown(bytes))")
        }
    }

    @Test func everySequenceOfTwoBytes() {
        for first in 0..<256 {
            for second in 0..<256 {
                let bytes = [UInt8(first), UInt8(second)]
                let expected = String(validating: bytes, as: UTF8.self) != nil
                if bytes.withUnsafeBytes({ UTF8Validation.isValid($0) }) != expected { Issue.record("\(shown(bytes))") }
            }
        }
    }
}
