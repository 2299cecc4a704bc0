import Testing

@testable import WireJSON

/// A text that is cut off anywhere is refused, and never read beyond its end.
@Suite struct TruncationTests {
    static let document =
        #"{"type":"chat","to":"bob","data":{"n":-42.5e+3,"list":[true,false,null,"é😀\u20ac\n"],"empty":{},"":[]}}"#

    /// Only the bytes that count: what stands behind them would complete the text.
    @Test func everyPrefixIsRefused() {
        let bytes = Array(Self.document.utf8)
        #expect(complaint(bytes) == nil)
        bytes.withUnsafeBytes { whole in
            for end in 0..<bytes.count {
                var scanner = JSONScanner(UnsafeRawBufferPointer(rebasing: whole[..<end]), maxDepth: 8)
                #expect(throws: JSONError.self) {
                    _ = try scanner.value()
                    try scanner.finish()
                }
                #expect(scanner.index <= end)
            }
        }
    }

    @Test(arguments: 0..<20)
    func everyPrefixOfARandomObjectIsRefused(seed: Int) {
        var generator = JSONGenerator(seed: seed)
        for _ in 0..<5 {
            let text = Array("{\"a\":".utf8) + generator.document() + [UInt8(ascii: "}")]
            for end in 0..<text.count where complaint(Array(text[..<end])) == nil {
                Issue.record("seed \(seed): \(shown(Array(text[..<end])))")
            }
        }
    }

    @Test func anEmptyBufferWithoutAnAddressIsNoText() {
        var scanner = JSONScanner(UnsafeRawBufferPointer(start: nil, count: 0), maxDepth: 8)
        #expect(throws: JSONError.unexpectedEnd) { _ = try scanner.value() }
    }
}
