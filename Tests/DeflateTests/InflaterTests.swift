import Testing

@testable import Deflate

/// Messages of permessage-deflate (RFC 7692 §7.2): what they become, and what they may become.
@Suite struct InflaterTests {
    private func compressed(_ text: [UInt8], bits: Int = 15, level: Int = 6) -> [UInt8] {
        text.withUnsafeBytes { Deflater(windowBits: bits, level: level).compress([$0]) }
    }

    private func inflated(
        _ bytes: [UInt8], _ inflater: Inflater = Inflater(), limit: Int = 1 << 20, ratio: Int = 1000,
        ratioFrom: Int = 65_536
    ) -> (result: Inflater.Result, text: [UInt8]?) {
        var text: [UInt8]?
        let result = bytes.withUnsafeBytes { raw in
            inflater.inflate(raw, limits: .init(bytes: limit, ratio: ratio, ratioFrom: ratioFrom)) { text = Array($0) }
        }
        return (result, text)
    }

    @Test func theExamplesOfTheRFC() {
        #expect(inflated([0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]).text == Array("Hello".utf8))
        #expect(
            inflated([0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00]).text == Array("Hello".utf8))
        #expect(inflated([0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00]).text == Array("Hello".utf8))
        #expect(
            inflated([0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00]).text
                == Array("Hello".utf8))
        #expect(inflated([0x00]).text == [])
    }

    @Test(arguments: 0..<30)
    func whatIsCompressedIsInflatedAgain(seed: Int) {
        var random = SeededGenerator(seed)
        let inflater = Inflater()
        let deflater = Deflater(windowBits: 9 + random.below(7), level: 1 + random.below(9))
        for _ in 0..<8 {
            var parts: [[UInt8]] = []
            for _ in 0..<(1 + random.below(3)) {
                let length = random.pick([0, 1, 100, 5000, 40_000])
                parts.append(
                    random.oneIn(2)
                        ? [UInt8](repeating: 7, count: length)
                        : (0..<(length / 10)).map { _ in UInt8(random.below(256)) })
            }
            let whole = parts.flatMap { $0 }
            let lists = parts.map { part -> UnsafeMutableRawBufferPointer in
                let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: part.count, alignment: 1)
                copy.copyBytes(from: part)
                return copy
            }
            defer { lists.forEach { $0.deallocate() } }
            let bytes = deflater.compress(lists.map { UnsafeRawBufferPointer($0) })
            #expect(bytes.suffix(4) == [0x00, 0x00, 0xFF, 0xFF], "seed \(seed)")
            let isSame = inflated(Array(bytes.dropLast(4)), inflater).text == whole
            #expect(isSame, "seed \(seed)")
        }
    }

    @Test func everyLengthAroundTheBuffersEdgeComesWhole() {
        let inflater = Inflater()
        for edge in [16_384, 32_768, 65_536] {
            for length in (edge - 3)...(edge + 3) {
                let text = [UInt8](repeating: 7, count: length)
                let isSame = inflated(Array(compressed(text).dropLast(4)), inflater).text == text
                #expect(isSame, "\(length) bytes")
            }
        }
    }

    @Test func aBombIsStoppedWhileItGrows() {
        let size = 1_200_000
        let bytes = Array(compressed([UInt8](repeating: 0, count: size)).dropLast(4))
        #expect(inflated(bytes, limit: 500_000).result == .tooLarge)
        #expect(inflated(bytes, limit: size - 1, ratio: 100_000).result == .tooLarge)
        #expect(inflated(bytes, limit: size, ratio: 100_000).result == .message)
        #expect(inflated(bytes, limit: size, ratio: 25).result == .tooDense)
        #expect(inflated(bytes, limit: size, ratio: .max).result == .message)
    }

    @Test func theRatioCountsFromTheSizeThatWasSet() {
        let bytes = Array(compressed([UInt8](repeating: 0, count: 65_536)).dropLast(4))
        #expect(inflated(bytes, ratio: 1).result == .message)
        #expect(inflated(bytes, ratio: 1, ratioFrom: 65_535).result == .tooDense)
        #expect(inflated(bytes, ratio: 1, ratioFrom: 0).result == .tooDense)
        // 65,536 bytes of zeros become less than 100.
        #expect(inflated(bytes, ratio: 65_536 / bytes.count + 1, ratioFrom: 0).result == .message)
        #expect(inflated(bytes, ratio: 65_536 / bytes.count - 1, ratioFrom: 0).result == .tooDense)
        #expect(inflated(bytes, limit: 1000, ratio: 1, ratioFrom: 1000).result == .tooLarge)
    }

    /// What a decoder that only looks for errors takes for a shorter message.
    @Test func aMessageThatBreaksOffIsRefused() {
        let text = Array("The quick brown fox jumps over the lazy dog, the lazy dog, the lazy dog.".utf8)
        let bytes = Array(compressed(text).dropLast(4))
        let inflater = Inflater()
        for count in 1..<(bytes.count - 1) {
            let result = inflated(Array(bytes[..<count]), inflater).result
            #expect(result == .invalid, "\(count) of \(bytes.count) bytes")
        }
        #expect(inflated(bytes, inflater).text == text)
        #expect(inflated([0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65], inflater).result == .invalid)
    }

    @Test func whatFollowsAFinalBlockBelongsToTheMessage() {
        let hello: [UInt8] = [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]
        #expect(inflated(hello).text == Array("Hello".utf8))
        #expect(inflated(hello + hello).text == Array("HelloHello".utf8))
        #expect(inflated(hello + [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]).text == Array("HelloHello".utf8))
        #expect(inflated(hello + [0xFF]).result == .invalid)
    }

    @Test func junkIsRefusedAndTheNextMessageIsNotHarmed() {
        let inflater = Inflater()
        #expect(inflated([0xFF, 0xFF, 0xFF], inflater).result == .invalid)
        #expect(inflated([0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00], inflater).text == Array("Hello".utf8))
        var random = SeededGenerator(1)
        for _ in 0..<300 {
            let bytes = (0..<random.below(60)).map { _ in UInt8(random.below(256)) }
            let (result, text) = inflated(bytes, inflater)
            #expect((result == .message) == (text != nil))
        }
        #expect(inflated([0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00], inflater).text == Array("Hello".utf8))
    }
}
