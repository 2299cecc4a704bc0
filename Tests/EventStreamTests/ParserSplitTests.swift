import Testing

@testable import EventStream

/// However the bytes arrive, the same events come out.
@Suite struct ParserSplitTests {
    @Test(arguments: ["data:é\r\n\r\n", "\u{FEFF}data\n\n", "id:7\r\rdata\r\r", "retry:12\n:\n\n", "event:a\ndata\n\n"])
    func everyWayToCutAShortStream(text: String) {
        let bytes = Array(text.utf8)
        let expected = parse([bytes])
        for pattern in 0..<(1 << (bytes.count - 1)) {
            let cuts = (1..<bytes.count).filter { pattern >> ($0 - 1) & 1 == 1 }
            if parse(cut(bytes, at: cuts)) != expected { Issue.record("cut at \(cuts)") }
        }
    }

    @Test func everyPairOfCutsOfALongerOne() {
        let text =
            "\u{FEFF}retry: 2000\r\n\r\nid: 1z9k-7\nevent: data_update\ndata: {\"a\":\"é😀\"}\r\rdata:x\r\ndata\n\r\n: c\r\n\n"
        let bytes = Array(text.utf8)
        let expected = parse([bytes])
        #expect(expected.events.count == 2)
        for first in 0..<bytes.count {
            for second in first..<bytes.count where parse(cut(bytes, at: [first, second])) != expected {
                Issue.record("cut at \(first) and \(second)")
            }
        }
    }

    /// Random soup of what matters, in random pieces; and with a stream's bytes nothing can end the process.
    @Test(arguments: 0..<60)
    func randomStreamsInRandomPieces(seed: Int) {
        var random = SeededGenerator(seed)
        let words = [
            "data", "id", "event", "retry", ":", ": ", " ", "\n", "\r", "\r\n", "\n\n", "\u{FEFF}", "\u{0}", "7", "é",
            "😀", "x",
        ]
        for _ in 0..<20 {
            var bytes: [UInt8] = []
            for _ in 0..<random.below(40) {
                bytes += random.oneIn(15) ? [UInt8(random.below(256))] : Array(random.pick(words).utf8)
            }
            let expected = parse([bytes])
            for _ in 0..<5 {
                let cuts = (0..<random.below(8)).map { _ in random.below(bytes.count + 1) }.sorted()
                let isSame = parse(cut(bytes, at: cuts)) == expected
                #expect(isSame, "seed \(seed), \(bytes), cut at \(cuts)")
            }
        }
    }
}
