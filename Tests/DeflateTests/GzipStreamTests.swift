import Testing

@testable import Deflate

/// Streams of stored and shared blocks, as zlib reads them.
@Suite struct GzipStreamTests {
    private func stored(_ text: [UInt8]) -> [UInt8] {
        var header = [UInt8](repeating: 0xAA, count: StoredBlock.headerSize)
        header.withUnsafeMutableBytes { StoredBlock.writeHeader(count: text.count, to: $0.baseAddress!) }
        return header + text
    }

    @Test(arguments: 0..<30)
    func whatHasComeIsReadableAtAnyTimeAndTheEndIsRight(seed: Int) throws {
        var random = SeededGenerator(seed)
        let deflater = Deflater(windowBits: 15, level: 1 + random.below(9))
        // Made once, for several streams.
        let shared = (0..<4).map { _ in
            let text = (0..<(1000 + random.below(9000))).map { _ in UInt8(random.below(4)) }
            return text.withUnsafeBytes { (text, deflater.compress([$0]), Checksum.Text([$0])) }
        }
        for _ in 0..<3 {
            var stream = GzipStream()
            var bytes = GzipStream.header
            var text: [UInt8] = []
            for _ in 0..<(1 + random.below(12)) {
                if random.oneIn(2) {
                    let own = (0..<random.pick([0, 1, 100, 65_535])).map { _ in UInt8(random.below(256)) }
                    bytes += stored(own)
                    own.withUnsafeBytes { stream.append($0) }
                    text += own
                } else {
                    let (common, compressed, known) = random.pick(shared)
                    bytes += compressed
                    stream.append(known)
                    text += common
                }
                let soFar = try Gunzipped(bytes)
                let isSame = soFar.text == text && !soFar.isComplete
                #expect(isSame, "seed \(seed)")
            }
            let whole = try Gunzipped(bytes + stream.trailer)
            let isSame = whole.text == text && whole.isComplete
            #expect(isSame, "seed \(seed)")
        }
    }

    @Test func anEmptyStreamIsOne() throws {
        let empty = try Gunzipped(GzipStream.header + GzipStream().trailer)
        #expect(empty.text == [] && empty.isComplete)
    }

    @Test func aWrongChecksumWouldShow() throws {
        var trailer = GzipStream().trailer
        trailer[2] ^= 1
        #expect(throws: Gunzipped.Corruption.self) { try Gunzipped(GzipStream.header + trailer) }
    }
}

/// Checksums of texts that are put together.
@Suite struct ChecksumTests {
    @Test func theCheckValue() {
        var checksum = Checksum()
        Array("123456789".utf8).withUnsafeBytes { checksum.append($0) }
        #expect(checksum.value == 0xCBF4_3926)
    }

    @Test(arguments: 0..<50)
    func appendingWhatIsKnownIsTheSameAsReadingIt(seed: Int) {
        var random = SeededGenerator(seed)
        var read = Checksum()
        var combined = Checksum()
        for _ in 0..<20 {
            let text = (0..<random.pick([0, 1, 2, 7, 100, 4096, 70_000])).map { _ in UInt8(random.below(256)) }
            text.withUnsafeBytes { bytes in
                read.append(bytes)
                let middle = bytes.count / 3
                combined.append(
                    .init([
                        UnsafeRawBufferPointer(rebasing: bytes[..<middle]),
                        UnsafeRawBufferPointer(rebasing: bytes[middle...]),
                    ]))
            }
            #expect(combined == read, "seed \(seed)")
        }
    }
}
