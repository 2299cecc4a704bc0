import Testing

@testable import WebSocketProtocol

/// UTF-8 that arrives in pieces is judged as the whole would be, and as early as possible.
@Suite struct UTF8StreamTests {
    /// Whether the bytes so far are all right, and whether they end at a character's end.
    private func judged(_ pieces: [[UInt8]]) -> (isValid: Bool, isComplete: Bool) {
        var stream = UTF8Stream()
        for piece in pieces where !piece.withUnsafeBytes({ stream.append($0) }) { return (false, false) }
        return (true, stream.isComplete)
    }

    @Test(arguments: 0..<100)
    func randomBytesInRandomPieces(seed: Int) {
        var random = SeededGenerator(seed)
        for _ in 0..<60 {
            var bytes: [UInt8] = []
            for _ in 0..<random.below(6) {
                switch random.below(6) {
                case 0: bytes.append(UInt8(random.below(256)))
                case 1: bytes += [UInt8](repeating: 0x61, count: random.below(20))
                case 2: bytes += random.pick(AutobahnTextTests.invalid).1
                default: bytes += random.pick(AutobahnTextTests.valid).1
                }
            }
            let expected = String(validating: bytes, as: UTF8.self) != nil
            for _ in 0..<4 {
                let cuts = (0..<random.below(5)).map { _ in random.below(bytes.count + 1) }.sorted()
                let result = judged(cut(bytes, at: cuts))
                #expect((result.isValid && result.isComplete) == expected, "seed \(seed): \(bytes) cut at \(cuts)")
            }
        }
    }

    @Test func everyCharacterIsTakenByteByByteAndCompleteOnlyAtItsEnd() {
        for value in stride(from: UInt32(0), through: 0x10FFFF, by: 61) {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let bytes = Array(String(scalar).utf8)
            for end in 1...bytes.count {
                let result = judged(bytes[..<end].map { [$0] })
                if !result.isValid || result.isComplete != (end == bytes.count) {
                    Issue.record("U+\(String(value, radix: 16))")
                }
            }
        }
    }

    @Test func theFirstWrongByteIsNoticed() {
        for first in UInt8(0x80)...0xFF {
            let possible = (UInt8(0)...0xFF).filter { second in
                [[], [0x80], [0x80, 0x80]].contains { String(validating: [first, second] + $0, as: UTF8.self) != nil }
            }
            for second in UInt8(0)...0xFF {
                let result = judged([[first], [second]])
                if result.isValid != possible.contains(second) { Issue.record("\(first) \(second)") }
            }
        }
    }

    @Test func nothingIsComplete() {
        #expect(judged([]) == (true, true))
        #expect(judged([[], []]) == (true, true))
        var stream = UTF8Stream()
        let isValid = stream.append(UnsafeRawBufferPointer(start: nil, count: 0))
        #expect(isValid)
    }
}
