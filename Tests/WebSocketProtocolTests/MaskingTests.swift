import Testing

@testable import WebSocketProtocol

/// Masks are taken off eight bytes at a time, with the same result as one by one.
@Suite struct MaskingTests {
    @Test func anyLengthAtAnyAlignmentIsAsTheSimpleLoop() {
        var random = SeededGenerator(1)
        let source = UnsafeMutableRawBufferPointer.allocate(byteCount: 128, alignment: 16)
        let target = UnsafeMutableRawBufferPointer.allocate(byteCount: 128, alignment: 16)
        defer {
            source.deallocate()
            target.deallocate()
        }
        for from in 0..<9 {
            for to in 0..<9 {
                for count in 0..<70 {
                    let key = (0..<4).map { _ in UInt8(random.below(256)) }
                    for index in source.indices { source[index] = UInt8(random.below(256)) }
                    target.initializeMemory(as: UInt8.self, repeating: 0xEE)
                    let word = key.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
                    Masking.unmask(source.baseAddress! + from, to: target.baseAddress! + to, count: count, key: word)
                    let isRight = (0..<count).allSatisfy { target[to + $0] == source[from + $0] ^ key[$0 % 4] }
                    let isClean = target.indices.allSatisfy { (to..<(to + count)).contains($0) || target[$0] == 0xEE }
                    if !isRight || !isClean { Issue.record("\(count) bytes from \(from) to \(to)") }
                }
            }
        }
    }

    @Test func inPlaceIsAllowed() {
        var bytes = Array("The mask may be taken off in place.".utf8)
        let expected = bytes.enumerated().map { $1 ^ [1, 2, 3, 4][$0 % 4] }
        bytes.withUnsafeMutableBytes { buffer in
            let key = [UInt8](1...4).withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
            Masking.unmask(
                UnsafeRawPointer(buffer.baseAddress!), to: buffer.baseAddress!, count: buffer.count, key: key)
        }
        #expect(bytes == expected)
    }

    /// The mask of a frame goes on across pieces of any size.
    @Test func theKeyGoesOnAcrossPieces() {
        let payload = (0..<100).map { UInt8($0) }
        let wire = ClientFrame(opcode: 2, payload: payload, mask: [0x11, 0x22, 0x44, 0x88]).encoded
        for size in 1...20 { #expect(decode(chop(wire, into: size)).seen == [.binary(payload)], "pieces of \(size)") }
    }
}
