import GatewayCore
import NIOCore
import PhoenixProtocol
import Testing

@testable import GatewayServer

struct PushWriterTests {
    /// One push: everything that its bytes depend on.
    private struct Push {
        var version = PhoenixVersion.v2
        var topic = "mcp:gateway"
        var joinRef = "\"1\""
        var event: String?
        var sequence = 0
        var epoch = Epoch(36)
        var padding = 0

        func message() -> Message {
            Message.encoded(data: "\"" + String(repeating: "x", count: padding) + "\"") { content in
                content.id = "m"
                content.event = event
            }
        }

        func bytes() throws -> [UInt8] {
            var outbound = Outbound()
            try write(to: &outbound)
            let count = outbound.count
            let bytes = outbound.takeBytes()
            #expect(bytes.count == count)
            return bytes
        }

        func write(to outbound: inout Outbound) throws {
            var channels = PhoenixChannels(limit: 1)
            channels.joined(topic, joinRef: Array(joinRef.utf8))
            PushWriter.write(
                message(), sequence: sequence, channel: try #require(channels.channel(topic)), version: version,
                epoch: EpochText(epoch), compressed: nil, to: &outbound)
        }

        /// Bytes of the frame's payload.
        func payloadSize() throws -> Int { try Frame(bytes()[...]).payload.count }

        /// The same push with padding such that the frame's payload has `size` bytes.
        func sized(_ size: Int) throws -> Push {
            var copy = self
            copy.padding = size - (try payloadSize() - padding)
            return copy
        }
    }

    /// A frame as a client reads it (RFC 6455 §5.2).
    private struct Frame {
        let first: UInt8
        let headerSize: Int
        let payload: ArraySlice<UInt8>
        /// What comes behind it.
        let rest: ArraySlice<UInt8>

        init(_ bytes: ArraySlice<UInt8>) throws {
            let bytes = Array(bytes)
            try #require(bytes.count >= 2)
            first = bytes[0]
            let short = Int(bytes[1])
            headerSize = short < 126 ? 2 : short == 126 ? 4 : 10
            try #require(bytes.count >= headerSize)
            let count = short < 126 ? short : bytes[2..<headerSize].reduce(0) { $0 << 8 | Int($1) }
            // The shortest form that can say it.
            #expect(headerSize == (count < 126 ? 2 : count < 65_536 ? 4 : 10))
            try #require(bytes.count >= headerSize + count, "the header promises \(count) bytes")
            payload = bytes[headerSize..<(headerSize + count)]
            rest = bytes[(headerSize + count)...]
        }
    }

    private func check(_ push: Push, _ frame: Frame) throws {
        #expect(frame.first == 0x81, "a whole text message")
        let envelope: [String: Any]
        switch push.version {
        case .v2:
            let array = try JSONOracle.array(frame.payload)
            try #require(array.count == 5)
            #expect(JSONOracle.areEqual(array[0], try JSONOracle.value(push.joinRef.utf8)))
            #expect(JSONOracle.areEqual(array[1], try JSONOracle.value("null".utf8)))
            #expect(array[2] as? String == push.topic)
            #expect(array[3] as? String == push.event ?? "message")
            envelope = try #require(array[4] as? [String: Any])
        case .v1:
            let object = try JSONOracle.object(frame.payload)
            #expect(Set(object.keys) == ["topic", "event", "ref", "payload"])
            #expect(object["topic"] as? String == push.topic)
            #expect(object["event"] as? String == push.event ?? "message")
            #expect(JSONOracle.areEqual(object["ref"], try JSONOracle.value("null".utf8)))
            envelope = try #require(object["payload"] as? [String: Any])
        }
        #expect(envelope["epoch"] as? String == push.epoch.description)
        #expect(envelope["sequence"] as? Int == push.sequence)
        #expect(envelope["type"] as? String == "chat")
        #expect(envelope["id"] as? String == "m")
        #expect((envelope["data"] as? String)?.utf8.count == push.padding)
    }

    @Test func `pushes are Phoenix's byte for byte`() throws {
        let envelope =
            #"{"epoch":"10","sequence":7,"type":"chat","id":"m","timestamp":"2026-01-15T10:23:45.123Z","data":""}"#
        let v2 = try Frame(Push(sequence: 7).bytes()[...])
        #expect(String(decoding: v2.payload, as: UTF8.self) == #"["1",null,"mcp:gateway","message",\#(envelope)]"#)
        let v1 = try Frame(Push(version: .v1, event: "tick", sequence: 7).bytes()[...])
        #expect(
            String(decoding: v1.payload, as: UTF8.self)
                == #"{"topic":"mcp:gateway","event":"tick","ref":null,"payload":\#(envelope)}"#)
    }

    @Test(arguments: [PhoenixVersion.v1, .v2])
    func `the header's length is the payload's around every change of its form`(version: PhoenixVersion) throws {
        let base = Push(version: version, topic: "t", joinRef: "1", event: "e")
        let smallest = try base.payloadSize()
        for size in [125, 126, 127, 128, 65_534, 65_535, 65_536, 65_537, 70_000] where size >= smallest {
            let push = try base.sized(size)
            let frame = try Frame(push.bytes()[...])
            #expect(frame.payload.count == size)
            #expect(frame.rest.isEmpty)
            try check(push, frame)
        }
    }

    @Test(arguments: [PhoenixVersion.v1, .v2])
    func `a tail that is shared makes the same frame as one that is copied`(version: PhoenixVersion) throws {
        let base = Push(version: version, event: "tick", sequence: 12_345)
        let tail = base.message().tail.readableBytes
        for size in (Outbound.shareFrom - 3)...(Outbound.shareFrom + 3) {
            var push = base
            push.padding = size - tail
            #expect(push.message().tail.readableBytes == size)
            let frame = try Frame(push.bytes()[...])
            #expect(frame.rest.isEmpty)
            try check(push, frame)
        }
    }

    @Test(arguments: 0..<60)
    func `frames of any channel, event, sequence and size follow each other without a gap`(seed: Int) throws {
        var random = SeededGenerator(seed)
        var outbound = Outbound()
        var pushes: [Push] = []
        let sequences = [0, 1, 9, 10, 99, 100, 999, 1000, 65_535, 999_999_999, 1_000_000_000, Int.max - 1, Int.max]
        for _ in 0..<12 {
            let push = Push(
                version: random.pick([.v1, .v2]),
                topic: random.pick(["t", "mcp:gateway", "room:é😀", "a b/c", String(repeating: "t", count: 255)]),
                joinRef: random.pick([
                    "null", "0", "17", "true", "\"1\"", "\"\"", #""a\"b\\""#, "-1.5e3",
                    "\"" + String(repeating: "r", count: 126) + "\"",
                ]),
                event: random.pick([nil, "e", "data_update", "é", String(repeating: "e", count: 255)]),
                sequence: random.pick(sequences),
                epoch: Epoch(random.pick([0, 35, 36, .max, random.next(), random.next() >> 40])),
                padding: random.pick([
                    0, 1, 20, random.below(200), 8000 + random.below(300), 60_000 + random.below(9000),
                ]))
            try push.write(to: &outbound)
            pushes.append(push)
        }
        var rest = outbound.takeBytes()[...]
        for push in pushes {
            let frame = try Frame(rest)
            try check(push, frame)
            rest = frame.rest
        }
        #expect(rest.isEmpty)
    }
}
