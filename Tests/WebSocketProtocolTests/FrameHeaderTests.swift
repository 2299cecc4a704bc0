import Testing

@testable import WebSocketProtocol

/// Headers of the frames that the gateway writes.
@Suite struct FrameHeaderTests {
    private func written(_ opcode: Opcode, _ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0xEE, count: FrameHeader.maxSize + 2)
        bytes.withUnsafeMutableBytes { FrameHeader.write(opcode, count: count, to: $0.baseAddress!) }
        #expect(bytes[FrameHeader.size(count)...].allSatisfy { $0 == 0xEE })
        return Array(bytes[..<FrameHeader.size(count)])
    }

    @Test(
        arguments: [
            (Opcode.text, 0, [0x81, 0]), (.binary, 125, [0x82, 125]), (.close, 2, [0x88, 2]), (.ping, 0, [0x89, 0]),
            (.pong, 7, [0x8A, 7]),
            (.text, 126, [0x81, 126, 0, 126]), (.text, 65_535, [0x81, 126, 255, 255]),
            (.text, 65_536, [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
            (.binary, 0x0102_0304_0506, [0x82, 127, 0, 0, 1, 2, 3, 4, 5, 6]),
        ] as [(Opcode, Int, [UInt8])])
    func theShortestForm(opcode: Opcode, count: Int, expected: [UInt8]) {
        #expect(written(opcode, count) == expected)
    }

    @Test func opcodesKnowWhetherTheyControl() {
        for opcode in [Opcode.close, .ping, .pong] { #expect(opcode.isControl) }
        for opcode in [Opcode.continuation, .text, .binary] { #expect(!opcode.isControl) }
    }
}
