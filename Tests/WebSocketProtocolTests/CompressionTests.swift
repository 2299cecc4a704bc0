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
        ("other; text=\"a, b; \\\" c\", permessage-deflate", 15, ""), (", permessage-deflate", 15, ""),
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
        "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
        "permessage-deflate; server_max_window_bits=10; SERVER_MAX_WINDOW_BITS=10", "permessage-deflate;",
        "other; text=\"a, permessage-deflate\"", "permessage-deflate; client_max_window_bits=\"\"",
        "permessage-deflate; =1", "\"permessage-deflate\"",
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

    @Test func `a context is kept if both sides want it, and asked for once`() {
        var asked = 0
        let offers = [
            "permessage-deflate; server_no_context_takeover", "permessage-deflate; server_max_window_bits=12",
        ]
        let agreed = PerMessageDeflate.negotiate(offers) {
            asked += 1
            return true
        }
        // The first offer that can be taken is, although the second would allow more.
        #expect(agreed?.keepsContext == false && asked == 0)
        let second = PerMessageDeflate.negotiate([offers[1]]) {
            asked += 1
            return true
        }
        #expect(second?.keepsContext == true && asked == 1)
        #expect(second?.response == "permessage-deflate; client_no_context_takeover; server_max_window_bits=12")
        #expect(PerMessageDeflate.negotiate([offers[1]]) { false }?.keepsContext == false)
    }
}
