import Testing

@testable import WireJSON

/// RFC 8259, case by case, with the place that an error names.
@Suite struct GrammarTests {
    @Test(arguments: [
        "0", "-0", "1", "-1", "10", "1234567890", "0.0", "0.5", "-0.5e0", "1e5", "1E5", "1e+5", "1e-5", "1.25E+10",
        "0e0",
        "123456789012345678901234567890", "1e999999", "0.00000000000000000000000001",
    ])
    func numbers(text: String) { #expect(complaint(text) == nil) }

    @Test(arguments: [
        ("-", JSONError.unexpectedEnd), ("+1", .unexpectedByte(offset: 0)), (".5", .unexpectedByte(offset: 0)),
        ("01", .trailingBytes(offset: 1)), ("-01", .trailingBytes(offset: 2)), ("1.", .invalidNumber(offset: 0)),
        ("1.e5", .invalidNumber(offset: 0)), ("1e", .invalidNumber(offset: 0)), ("1e+", .invalidNumber(offset: 0)),
        ("-a", .invalidNumber(offset: 0)), ("--1", .invalidNumber(offset: 0)), ("0x10", .trailingBytes(offset: 1)),
        ("1 2", .trailingBytes(offset: 2)), ("1_000", .trailingBytes(offset: 1)),
        ("Infinity", .unexpectedByte(offset: 0)),
        ("NaN", .unexpectedByte(offset: 0)), ("-Infinity", .invalidNumber(offset: 0)),
        ("١", .unexpectedByte(offset: 0)),
    ])
    func whatIsNoNumber(text: String, error: JSONError) { #expect(complaint(text) == error) }

    @Test(arguments: [
        "true", "false", "null", " true ", "\t\r\n null\n", "{}", "[]", "{ }", "[ ]", "[[],{}]", #"{"a":{"a":[]}}"#,
    ])
    func valuesAndSpace(text: String) { #expect(complaint(text) == nil) }

    @Test(arguments: [
        ("", JSONError.unexpectedEnd), (" ", .unexpectedEnd), ("t", .unexpectedEnd), ("tru", .unexpectedEnd),
        ("trUe", .unexpectedByte(offset: 2)), ("truee", .trailingBytes(offset: 4)),
        ("True", .unexpectedByte(offset: 0)),
        ("nul l", .unexpectedByte(offset: 3)), ("[1,]", .unexpectedByte(offset: 3)),
        ("[,1]", .unexpectedByte(offset: 1)),
        ("[1 2]", .unexpectedByte(offset: 3)), ("[1", .unexpectedEnd), ("[1}", .unexpectedByte(offset: 2)),
        (#"{"a":1,}"#, .unexpectedByte(offset: 7)), (#"{"a" 1}"#, .unexpectedByte(offset: 5)),
        (#"{a:1}"#, .unexpectedByte(offset: 1)),
        (#"{'a':1}"#, .unexpectedByte(offset: 1)), (#"{"a":}"#, .unexpectedByte(offset: 5)),
        (#"{"a"}"#, .unexpectedByte(offset: 4)),
        (#"{1:1}"#, .unexpectedByte(offset: 1)), (#"{"a":1"#, .unexpectedEnd), ("]", .unexpectedByte(offset: 0)),
        ("//", .unexpectedByte(offset: 0)), ("\u{FEFF}1", .unexpectedByte(offset: 0)),
        ("\u{A0}1", .unexpectedByte(offset: 0)),
        ("\u{C}1", .unexpectedByte(offset: 0)), ("1\u{0}", .trailingBytes(offset: 1)),
        ("{}{}", .trailingBytes(offset: 2)),
    ])
    func whatIsNoText(text: String, error: JSONError) { #expect(complaint(text) == error) }

    @Test(arguments: [
        #""""#, #""a""#, #""\"\\\/\b\f\n\r\t""#, #""\u0000\uFFFF\uabcd\uABCD""#, #""\uD83D\uDE00""#, "\"\u{7F}\"",
        "\"é€😀\"",
        "\"\u{2028}\u{2029}\"", #""\uD800""#, #""\uDC00\uD800""#, #""\uD800\n""#,
    ])
    func strings(text: String) { #expect(complaint(text) == nil) }

    @Test(arguments: [
        ("\"", JSONError.unexpectedEnd), ("\"abc", .unexpectedEnd), ("\"abcdefghijklmnop", .unexpectedEnd),
        ("\"\\", .unexpectedEnd),
        ("\"\\u", .unexpectedEnd), ("\"\\u123", .unexpectedEnd), (#""\x""#, .invalidString(offset: 0)),
        (#" "\u12G4""#, .invalidString(offset: 1)),
        (#""\U0041""#, .invalidString(offset: 0)), (#""\'""#, .invalidString(offset: 0)),
        ("\"a\nb\"", .invalidString(offset: 0)),
        ("\"12345678\tb\"", .invalidString(offset: 0)),
    ])
    func whatIsNoString(text: String, error: JSONError) { #expect(complaint(text) == error) }

    @Test func everyControlCharacterIsRefusedAtEveryPlace() {
        for byte in UInt8(0)..<0x20 {
            for place in 0..<20 {
                var text = [UInt8](repeating: UInt8(ascii: "x"), count: 20)
                text[place] = byte
                #expect(complaint([0x22] + text + [0x22]) == .invalidString(offset: 0), "byte \(byte) at \(place)")
            }
        }
    }

    @Test func everyOtherASCIIByteIsTakenAtEveryPlace() {
        for byte in UInt8(0x20)..<0x80 where byte != 0x22 && byte != 0x5C {
            for place in 0..<20 {
                var text = [UInt8](repeating: UInt8(ascii: "x"), count: 20)
                text[place] = byte
                #expect(complaint([0x22] + text + [0x22]) == nil, "byte \(byte) at \(place)")
            }
        }
    }

    @Test func reasonsNameThePlace() {
        #expect(JSONError.unexpectedByte(offset: 7).reason == "unexpected byte at offset 7")
        let all: [JSONError] = [
            .unexpectedEnd, .unexpectedByte(offset: 1), .invalidString(offset: 1), .invalidUTF8(offset: 1),
            .invalidNumber(offset: 1),
            .tooDeep(offset: 1), .trailingBytes(offset: 1),
        ]
        #expect(Set(all.map(\.reason)).count == all.count)
    }
}
