import NIOCore
import Testing

@testable import GatewayProcesses

@Suite struct LineDecoderTests {
    private static func pieces(_ chunks: [String], maximum: Int = 1000) -> [LineDecoder.Piece] {
        var decoder = LineDecoder(maximumLength: maximum)
        var pieces: [LineDecoder.Piece] = []
        for chunk in chunks {
            decoder.feed(ByteBuffer(string: chunk))
            while let piece = decoder.next() { pieces.append(piece) }
        }
        if let piece = decoder.finish() { pieces.append(piece) }
        return pieces
    }

    @Test func linesOfMessages() {
        #expect(
            Self.pieces(["{\"a\":1}\n[2]\r\n  {}\n\n \t\r\n"]) == [
                .line(ByteBuffer(string: "{\"a\":1}")), .line(ByteBuffer(string: "[2]")),
                .line(ByteBuffer(string: "  {}")),
            ])
    }

    @Test func whatIsNoMessageIsJunkAndTheNextLineIsRead() {
        #expect(
            Self.pieces(["Starting server…\n{}\n"]) == [
                .junk(.notAMessage(ByteBuffer(string: "Starting server…"))), .line(ByteBuffer(string: "{}")),
            ])
    }

    @Test func aLineAboveTheBoundIsCountedAndNotKept() {
        var decoder = LineDecoder(maximumLength: 100)
        for _ in 0..<1000 {
            decoder.feed(ByteBuffer(repeating: UInt8(ascii: "{"), count: 1000))
            #expect(decoder.next() == nil)
            #expect(decoder.keptBytes == 0)
        }
        decoder.feed(ByteBuffer(string: "}\n{}\n"))
        #expect(decoder.next() == .junk(.tooLong(bytes: 1_000_001)))
        #expect(decoder.next() == .line(ByteBuffer(string: "{}")))
    }

    @Test func anEndInTheMiddleIsTold() {
        #expect(
            Self.pieces(["{}\n{\"half\":"]) == [
                .line(ByteBuffer(string: "{}")), .junk(.unfinished(ByteBuffer(string: "{\"half\":"), bytes: 8)),
            ])
    }

    /// However a stream is cut, the same lines come out, and never more than the bound is kept.
    @Test(arguments: 0..<200)
    func cutsDoNotMatter(seed: Int) {
        var random = SeededGenerator(seed)
        let maximum = 1 + random.below(30)
        let text = (0..<200).map { _ in random.pick(["{", "}", "[1]", "x", "\n", "\n", "\r\n", " ", "é"]) }.joined()
        var decoder = LineDecoder(maximumLength: maximum)
        var pieces: [LineDecoder.Piece] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = min(rest.count, 1 + random.below(20))
            decoder.feed(ByteBuffer(bytes: rest.prefix(count)))
            rest = rest.dropFirst(count)
            while let piece = decoder.next() { pieces.append(piece) }
            #expect(decoder.keptBytes <= maximum)
        }
        if let piece = decoder.finish() { pieces.append(piece) }
        #expect(pieces == Self.pieces([text], maximum: maximum), "seed \(seed)")

        let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast()
        #expect(pieces.count { $0.isTooLong } - (lines.count { $0.count > maximum }) <= 1, "seed \(seed)")
    }
}

extension LineDecoder.Piece {
    fileprivate var isTooLong: Bool { if case .junk(.tooLong) = self { true } else { false } }
}
