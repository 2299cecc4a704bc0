import CZlib
import Deflate
import Testing

struct ContextDeflaterTests {
    /// What a client keeps: one inflater for all messages.
    private final class Client {
        private var stream = z_stream()

        init(windowBits: Int32) { czlib_inflate_init(&stream, -windowBits) }

        deinit { inflateEnd(&stream) }

        func read(_ message: [UInt8], count: Int) -> [UInt8] {
            var message = message + [0x00, 0x00, 0xFF, 0xFF]
            var text = [UInt8](repeating: 0, count: count + 1)
            let produced = message.withUnsafeMutableBufferPointer { input in
                text.withUnsafeMutableBufferPointer { output in
                    stream.next_in = input.baseAddress
                    stream.avail_in = UInt32(input.count)
                    stream.next_out = output.baseAddress
                    stream.avail_out = UInt32(output.count)
                    inflate(&stream, Z_SYNC_FLUSH)
                    return output.count - Int(stream.avail_out)
                }
            }
            return Array(text[..<produced])
        }
    }

    private static func compressed(_ text: [UInt8], _ deflater: ContextDeflater) -> [UInt8] {
        var output: [UInt8] = []
        text.withUnsafeBytes { deflater.compress($0, to: &output) }
        return output
    }

    @Test func `what was sent before makes the next message small`() {
        let deflater = ContextDeflater(windowBits: 15, level: 6)
        let client = Client(windowBits: 15)
        let text = Array(#"{"epoch":"1z9kq3v0f2mb","sequence":1,"type":"chat","data":{"price":17.25}}"#.utf8)
        let first = Self.compressed(text, deflater)
        let second = Self.compressed(text, deflater)
        #expect(second.count < first.count / 4)
        #expect(client.read(first, count: text.count) == text)
        #expect(client.read(second, count: text.count) == text)
    }

    @Test func `empty messages are messages, again and again`() {
        let deflater = ContextDeflater(windowBits: 15, level: 1)
        let client = Client(windowBits: 15)
        for text in [[], [], Array("x".utf8), [], Array("x".utf8)] as [[UInt8]] {
            #expect(client.read(Self.compressed(text, deflater), count: text.count) == text)
        }
    }

    @Test(arguments: 0..<100)
    func `a client that keeps a window of any size reads every message`(seed: Int) {
        var random = SeededGenerator(seed)
        let windowBits = 9 + random.below(7)
        let deflater = ContextDeflater(windowBits: windowBits, level: 1 + random.below(9))
        let shared = Deflater(windowBits: windowBits, level: 1)
        let client = Client(windowBits: Int32(windowBits))
        for _ in 0..<50 {
            let letters = 1 + random.below(random.oneIn(3) ? 256 : 8)
            let text = (0..<random.below(random.oneIn(10) ? 70_000 : 400)).map { _ in UInt8(random.below(letters)) }
            if random.oneIn(4) {
                // Compressed once for many, between those of this connection.
                var bytes = text.withUnsafeBytes { shared.compress([$0]) }
                bytes.removeLast(4)
                deflater.forget()
                #expect(client.read(bytes, count: text.count) == text)
            } else {
                #expect(client.read(Self.compressed(text, deflater), count: text.count) == text)
            }
        }
    }
}
