import Deflate
import GatewayCore
import NIOCore
import PhoenixProtocol
import Testing
import WebSocketProtocol

@testable import GatewayServer

/// Compressed pushes (RFC 7692): what a client makes of them.
struct SharedCompressionTests {
    /// What an inflater that keeps nothing between messages makes of a payload.
    private func inflated(_ payload: [UInt8]) throws -> [UInt8] {
        var result: [UInt8] = []
        let outcome = payload.withUnsafeBytes { bytes in
            Inflater().inflate(bytes, limits: .init(bytes: 1 << 24, ratio: 1 << 20, ratioFrom: 0)) {
                result = Array($0)
            }
        }
        try #require(outcome == .message)
        return result
    }

    private func channel(_ topic: String, _ joinRef: String) throws -> PhoenixChannels.Channel {
        var channels = PhoenixChannels(limit: 1)
        channels.joined(topic, joinRef: Array(joinRef.utf8))
        return try #require(channels.channel(topic))
    }

    /// The frame's first byte and its payload.
    private func frame(_ bytes: [UInt8]) throws -> (first: UInt8, payload: [UInt8]) {
        try #require(bytes.count > 1)
        let header = bytes[1] < 126 ? 2 : bytes[1] == 126 ? 4 : 10
        let count = header == 2 ? Int(bytes[1]) : bytes[2..<header].reduce(0) { $0 << 8 | Int($1) }
        try #require(bytes.count == header + count, "the header promises \(count) bytes, \(bytes.count - header) came")
        return (bytes[0], Array(bytes[header...]))
    }

    @Test(arguments: 0..<40)
    func `a compressed push inflates to exactly what the plain one says`(seed: Int) throws {
        var random = SeededGenerator(seed)
        let version = random.pick([PhoenixVersion.v1, .v2])
        let words = ["lorem ", "ipsum ", "dolor ", "é", "😀", "\\n", "0123456789"]
        // Some are small, some so large that even what is left of them is shared and not copied.
        let noise =
            seed % 4 == 0
            ? (0..<2000).map { _ in String(random.next(), radix: 36) }.joined() : ""
        let text = (0..<(300 + random.below(3000))).map { _ in random.pick(words) }.joined() + noise
        let message = Message.encoded(data: "{\"text\":\"\(text)\"}") {
            $0.event = random.pick([nil, "tick", String(repeating: "e", count: 255)])
        }
        let channel = try channel(
            random.pick(["t", "room:é", String(repeating: "t", count: 255)]), random.pick(["null", "\"1\"", "17"]))
        let sequence = random.pick([0, 9, 123_456, Int.max])
        let epoch = EpochText(Epoch(random.next()))
        let compression = SharedCompression(webSocketLevel: random.pick([1, 6, 9]), eventStreamLevel: 1)
        let ending = version == .v2 ? SharedCompression.Ending.phoenixV2 : .phoenixV1
        let bytes = try #require(
            compression.shared(message, .init(windowBits: 9 + random.below(7), ending: ending)).bytes, "it pays")

        var outbound = Outbound()
        PushWriter.write(
            message, sequence: sequence, channel: channel, version: version, epoch: epoch, compressed: nil,
            to: &outbound)
        let plain = try frame(outbound.takeBytes())
        PushWriter.write(
            message, sequence: sequence, channel: channel, version: version, epoch: epoch, compressed: bytes,
            to: &outbound)
        let compressed = try frame(outbound.takeBytes())
        #expect(plain.first == 0x81)
        #expect(compressed.first == 0xC1, "a whole text message with RSV1")
        #expect(compressed.payload.count < plain.payload.count)
        #expect(try inflated(compressed.payload) == plain.payload)
    }

    @Test func `subscribers of one form share one compression, forms do not mix`() throws {
        let compression = SharedCompression(webSocketLevel: 1, eventStreamLevel: 1)
        let data = "\"" + String(repeating: "abc ", count: 2000) + "\""
        let messages = (0..<3).map { Message.encoded(data: data, seed: UInt64($0) + 1) }
        let v1 = SharedCompression.Form(windowBits: 15, ending: .phoenixV1)
        let v2 = SharedCompression.Form(windowBits: 15, ending: .phoenixV2)
        for _ in 0..<3 {
            for message in messages {
                for form in [v1, v2] {
                    let bytes = try #require(compression.shared(message, form).bytes)
                    let again = try #require(compression.shared(message, form).bytes)
                    #expect(
                        bytes.withUnsafeReadableBytes(\.baseAddress) == again.withUnsafeReadableBytes(\.baseAddress),
                        "the same bytes, not equal ones")
                    let whole = try inflated(Array(buffer: bytes))
                    #expect(whole == Array(buffer: message.tail) + Array(form.ending.text.description.utf8))
                }
            }
            compression.forget()
        }
    }

    @Test func `more messages than are remembered are each compressed right`() throws {
        let compression = SharedCompression(webSocketLevel: 1, eventStreamLevel: 1)
        let form = SharedCompression.Form(windowBits: 15, ending: .phoenixV2)
        let messages = (0..<40).map { number in
            Message.encoded(data: "\"" + String(repeating: "\(number) ", count: 1000) + "\"")
        }
        for message in messages + messages.reversed() {
            let bytes = try #require(compression.shared(message, form).bytes)
            #expect(
                try inflated(Array(buffer: bytes)) == Array(buffer: message.tail)
                    + Array(form.ending.text.description.utf8))
        }
    }

    @Test func `what does not become smaller is left as it is, every time it is asked for`() {
        var random = SeededGenerator(1)
        let noise = (0..<5000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        let message = Message(
            tail: ByteBuffer(bytes: noise), idOffset: 0, idLength: 0, topic: nil, event: nil, priority: .normal,
            isDurable: false, acceptedAt: .zero, expiresAt: .distantFuture)
        let compression = SharedCompression(webSocketLevel: 1, eventStreamLevel: 1)
        let form = SharedCompression.Form(windowBits: 15, ending: .phoenixV2)
        #expect(compression.shared(message, form).bytes == nil)
        #expect(compression.shared(message, form).bytes == nil)
    }
}
