import Testing

@testable import WebSocketProtocol

/// Rules of RFC 6455 §5 that the Autobahn suite does not try from the client's side.
@Suite struct FrameRuleTests {
    @Test(arguments: [0, 1, 2, 8, 9, 10] as [UInt8])
    func unmaskedFramesAreRefused(opcode: UInt8) {
        let frame = ClientFrame(opcode: opcode, payload: [], mask: nil)
        #expect(decode([frame.encoded]).seen == [.violation(1002)])
    }

    @Test(arguments: [(0, LengthForm.medium), (125, .medium), (0, .long), (125, .long), (126, .long), (65_535, .long)])
    func lengthsAreWrittenInTheShortestForm(length: Int, form: LengthForm) {
        let frame = ClientFrame(opcode: 2, payload: [UInt8](repeating: 0, count: length), form: form)
        #expect(decode([frame.encoded]).seen == [.violation(1002)])
    }

    @Test func theShortestFormsAreTaken() {
        let limits = WebSocketLimits(maxFrameSize: 70_000, maxMessageSize: 70_000)
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 70_000] {
            let payload = [UInt8](repeating: 0xA5, count: length)
            #expect(decode([ClientFrame.bytes(2, payload).encoded], limits: limits).seen == [.binary(payload)])
        }
    }

    @Test(arguments: [UInt64(1) << 63, .max, 1 << 62, .max >> 1, 1 << 32, 1 << 31])
    func enormousLengthsAreRefusedBeforeAnythingIsAllocated(length: UInt64) {
        let frame = ClientFrame(opcode: 2, payload: [], claimedLength: length)
        #expect(decode([frame.encoded]).seen == [.violation(length >> 63 == 1 ? 1002 : 1009)])
    }

    @Test func controlFramesAreShortAndWhole() {
        for opcode in [8, 9, 10] as [UInt8] {
            #expect(
                decode([ClientFrame.bytes(opcode, [UInt8](repeating: 0x2A, count: 126)).encoded]).seen == [
                    .violation(1002)
                ])
            #expect(
                decode([ClientFrame(opcode: opcode, payload: [], claimedLength: 65_536).encoded]).seen == [
                    .violation(1002)
                ])
            #expect(decode([ClientFrame.bytes(opcode, [], isFinal: false).encoded]).seen == [.violation(1002)])
        }
    }

    @Test func theRefusalDoesNotWaitForThePayload() {
        let headers: [[UInt8]] = [
            ClientFrame(reserved: 1, opcode: 1, payload: [], claimedLength: 100).encoded,
            ClientFrame(opcode: 3, payload: [], claimedLength: 100).encoded,
            ClientFrame(opcode: 0, payload: [], claimedLength: 100).encoded,
            ClientFrame(opcode: 2, payload: [], claimedLength: 70_000).encoded,
        ]
        #expect(
            headers.map { decode([$0]).seen } == [
                [.violation(1002)], [.violation(1002)], [.violation(1002)], [.violation(1009)],
            ])
    }

    @Test func betweenMessagesIsKnown() {
        let text = ClientFrame.text("abc").encoded
        #expect(decode([]).isBetweenMessages)
        #expect(decode([text]).isBetweenMessages)
        for end in 1..<text.count { #expect(!decode([Array(text[..<end])]).isBetweenMessages, "cut at \(end)") }
        #expect(!decode([ClientFrame.text("a", isFinal: false).encoded]).isBetweenMessages)
        #expect(!decode([[ClientFrame.text("a", isFinal: false), .bytes(9)].encoded]).isBetweenMessages)
    }

    @Test func reasonsCiteTheRule() {
        var decoder = MessageDecoder(limits: WebSocketLimits())
        ClientFrame(opcode: 1, payload: [], mask: nil).encoded.withUnsafeBytes { input in
            var offset = 0
            guard case .violation(let violation) = decoder.next(input, &offset, scratch: .init(start: nil, count: 0))
            else {
                Issue.record("It was taken")
                return
            }
            #expect(violation.reason.contains("RFC 6455"))
            #expect(violation.reason.utf8.count <= 123)
        }
    }
}
