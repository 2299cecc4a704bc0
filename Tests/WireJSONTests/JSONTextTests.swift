import Testing

@testable import WireJSON

/// Strings between their JSON form and Swift.
@Suite struct JSONTextTests {
    private func decoded(_ text: [UInt8]) -> String { text.withUnsafeBytes { JSONText.decode($0) } }
    private func decoded(_ text: String) -> String { decoded(Array(text.utf8)) }

    @Test(arguments: [
        (#""""#, ""), (#""abc""#, "abc"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"),
        (#""\u0041\u00e9\u20AC""#, "Aé€"),
        (#""\uD83D\uDE00""#, "😀"), (#""é\u0301""#, "é\u{301}"), (#""\u0000""#, "\u{0}"), (#""a\u0062c""#, "abc"),
    ])
    func escapesAreDecoded(text: String, expected: String) {
        #expect(decoded(text).unicodeScalars.elementsEqual(expected.unicodeScalars))
    }

    @Test(arguments: [
        (#""\uD83D""#, "\u{FFFD}"), (#""\uDE00""#, "\u{FFFD}"), (#""\uD83Dx""#, "\u{FFFD}x"),
        (#""\uD83D\n""#, "\u{FFFD}\n"),
        (#""\uDE00\uD83D""#, "\u{FFFD}\u{FFFD}"), (#""\uD83D\uD83D\uDE00""#, "\u{FFFD}😀"),
        (#""\uD83D\u0041""#, "\u{FFFD}A"),
    ])
    func unpairedSurrogatesBecomeTheReplacementCharacter(text: String, expected: String) {
        #expect(decoded(text) == expected)
    }

    @Test(arguments: [
        ("", #""""#), ("a\"b\\c", #""a\"b\\c""#), ("\n\r\t", #""\n\r\t""#),
        ("\u{0}\u{1F}\u{8}", #""\u0000\u001f\u0008""#),
        ("é€😀\u{7F}/", "\"é€😀\u{7F}/\""), ("\u{2028}", "\"\u{2028}\""),
    ])
    func quoting(text: String, expected: String) {
        #expect(String(decoding: JSONText.quoted(text), as: UTF8.self) == expected)
    }

    @Test(arguments: 0..<40)
    func whatIsQuotedIsDecodedAgain(seed: Int) {
        var generator = JSONGenerator(seed: seed)
        for _ in 0..<50 {
            var scalars = String.UnicodeScalarView()
            for _ in 0..<generator.random.below(20) {
                if generator.random.oneIn(2) {
                    scalars.append(Unicode.Scalar(UInt8(generator.random.below(128))))
                } else {
                    scalars.append(contentsOf: generator.randomScalar().unicodeScalars)
                }
            }
            let text = String(scalars)
            let quoted = JSONText.quoted(text)
            #expect(complaint(quoted) == nil)
            #expect(decoded(quoted).utf8.elementsEqual(text.utf8), "seed \(seed)")
            #expect(
                foundationString(quoted).map { $0.utf8.elementsEqual(text.utf8) } == true,
                "seed \(seed): \(shown(quoted))")
        }
    }

    @Test(arguments: 0..<40)
    func validStringsAreDecodedAsFoundationDoes(seed: Int) {
        var generator = JSONGenerator(seed: seed)
        for _ in 0..<50 {
            generator.output = []
            generator.string()
            let expected = foundationString(generator.output)
            #expect(
                expected?.utf8.elementsEqual(decoded(generator.output).utf8) == true,
                "seed \(seed): \(shown(generator.output))")
        }
    }
}
