import Testing

@testable import WebSocketProtocol

/// permessage-deflate (RFC 7692): what is agreed on, which frames are compressed, and what they may become.
@Suite struct CompressionTests {
    @Test(arguments: [
        ("permessage-deflate", 15, ""), ("permessage-deflate; client_max_window_bits", 15, ""),
        ("PerMessage-Deflate", 15, ""),
        ("permessage-deflate; server_no_context_takeover; client_no_context_takeover", 15, ""),
        ("permessage-deflate;server_max_window_bits=9", 9, "; server_max_window_bits=9"),
        ("permessage-deflate; server_max_window_bits=\"12\"", 12, "; server_max_window_bits=12"),
        ("permessage-deflate; server_max_window_bits=8, permessage-deflate", 15, ""),
        ("x-webkit-deflate-frame, permessage-deflate", 15, ""),
        (" permessage-deflate ; client_max_window_bits = 10 ", 15, ""),
        ("permessage-deflate; unknown, permessage-deflate; client_max_window_bits", 15, ""),
    ])
    func offersThatAreAccepted(header: String, bits: Int, extra: String) {
        let agreed = PerMessageDeflate.negotiate([header])
        #expect(agreed?.serverWindowBits == bits)
        #expect(
            agreed?.response == "permessage-deflate; server_no_context_takeover; client_no_context_takeover" + extra)
    }

    @Test(arguments: [
        "", "deflate", "permessage-deflat", "permessage-deflate; unknown", "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=8", "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=010", "permessage-deflate; server_max_window_bits=x",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=0", "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover=x",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
    ])
    func offersThatAreDeclined(header: String) { #expect(PerMessageDeflate.negotiate([header]) == nil) }

    @Test func theFirstAcceptableLineCounts() {
        #expect(PerMessageDeflate.negotiate([]) == nil)
        #expect(
            PerMessageDeflate.negotiate(["x", "permessage-deflate; server_max_window_bits=10"])?.serverWindowBits == 10)
    }

    private func seen(_ frames: [ClientFrame], allowed: Bool = true) -> [Seen] {
        let bytes = frames.encoded
        let whole = decode([bytes], allowsCompression: allowed).seen
        #expect(decode(chop(bytes, into: 1), allowsCompression: allowed).seen == whole)
        return whole
    }

    @Test func theFirstFrameOfAMessageIsMarked() {
        #expect(seen([ClientFrame(reserved: 4, opcode: 1, payload: [1, 2])]) == [.compressed([1, 2])])
        #expect(seen([ClientFrame(reserved: 4, opcode: 2, payload: [0xFF])]) == [.compressed([0xFF])])
        #expect(
            seen([ClientFrame(isFinal: false, reserved: 4, opcode: 1, payload: [0xFF]), .bytes(9), .bytes(0, [2])]) == [
                .ping([]), .compressed([0xFF, 2]),
            ])
        #expect(
            seen([ClientFrame(reserved: 4, opcode: 1, payload: [1]), .text("a")]) == [.compressed([1]), .text("a")])
    }

    @Test func noOtherFrameIs() {
        #expect(
            seen([ClientFrame(isFinal: false, reserved: 4, opcode: 1), ClientFrame(reserved: 4, opcode: 0)]) == [
                .violation(1002)
            ])
        #expect(
            seen([ClientFrame(isFinal: false, opcode: 1), ClientFrame(reserved: 4, opcode: 0)]) == [.violation(1002)])
        for opcode in [8, 9, 10] as [UInt8] {
            #expect(seen([ClientFrame(reserved: 4, opcode: opcode)]) == [.violation(1002)])
        }
        for reserved in [1, 2, 3, 5, 6, 7] as [UInt8] {
            #expect(seen([ClientFrame(reserved: reserved, opcode: 1)]) == [.violation(1002)])
        }
        #expect(seen([ClientFrame(reserved: 4, opcode: 1)], allowed: false) == [.violation(1002)])
    }

    private func compressed(_ text: [UInt8], bits: Int = 15, level: Int = 6) -> [UInt8] {
        text.withUnsafeBytes { Deflater(windowBits: bits, level: level).compress([$0]) }
    }

    private func inflated(
        _ bytes: [UInt8], _ inflater: Inflater = Inflater(), limit: Int = 1 << 20, ratio: Int = 1000
    ) -> (result: Inflater.Result, text: [UInt8]?) {
        var text: [UInt8]?
        let result = bytes.withUnsafeBytes { raw in
            inflater.inflate(raw, limit: limit, ratio: ratio) { text = Array($0) }
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
        #expect(inflated(bytes, limit: size, ratio: 25).result == .tooLarge)
    }

    @Test func theRatioDoesNotCountForSmallMessages() {
        let bytes = Array(compressed([UInt8](repeating: 0, count: 65_536)).dropLast(4))
        #expect(inflated(bytes, ratio: 1).result == .message)
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
