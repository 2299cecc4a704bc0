import Foundation
import GatewayCore
import NIOCore
import Testing

@testable import GatewayServer

struct EnvelopeEncoderTests {
    @Test func `an envelope has the contract's members in their order`() {
        let message = Message.encoded(type: "\"chat\"", data: "{\"text\":\"Hi\"}") { content in
            content.id = "m-1"
            content.topic = "room:1"
            content.from = "alice"
            content.priority = .high
        }
        #expect(
            String(decoding: message.envelope(epoch: "1z9k", sequence: 7), as: UTF8.self)
                == #"{"epoch":"1z9k","sequence":7,"type":"chat","id":"m-1","timestamp":"2026-01-15T10:23:45.123Z","#
                + #""topic":"room:1","from":"alice","priority":"high","data":{"text":"Hi"}}"#)
    }

    @Test func `binary data stands in base64, its bytes beside it, and both count`() {
        let message = Message.encoded(data: "\"AQID\"") { content in
            content.id = "m-1"
            content.binary = ByteBuffer(bytes: [1, 2, 3])
        }
        #expect(
            String(decoding: message.envelope(epoch: "z", sequence: 0), as: UTF8.self)
                == #"{"epoch":"z","sequence":0,"type":"chat","id":"m-1","timestamp":"2026-01-15T10:23:45.123Z","#
                + #""encoding":"base64","data":"AQID"}"#)
        #expect(message.binary.map { Array(buffer: $0) } == [1, 2, 3])
        #expect(message.cost == message.tail.readableBytes + 3 + 128)
    }

    @Test func `members that say nothing are left out`() throws {
        let object = try JSONOracle.object(Message.encoded(data: "1").envelope())
        #expect(Set(object.keys) == ["epoch", "sequence", "type", "id", "timestamp", "data"])
        let low = try JSONOracle.object(Message.encoded(data: "1") { $0.priority = .low }.envelope())
        #expect(low["priority"] as? String == "low")
    }

    @Test func `without an id of the sender's a UUIDv7 of the time is drawn`() throws {
        let message = Message.encoded(data: "1", wallClock: Timestamp(milliseconds: 0x0123_4567_89AB))
        let uuid = try #require(UUID(uuidString: message.id))
        #expect(message.id == uuid.uuidString.lowercased())
        #expect(message.id.hasPrefix("01234567-89ab-7"))
        #expect("89ab".contains(message.id.dropFirst(19).first!))
        #expect(Message.encoded(data: "1", seed: 2).id != Message.encoded(data: "1", seed: 1).id)
    }

    @Test func `what is not on the wire is kept beside it`() {
        let message = Message.encoded(data: "1", now: Instant(nanoseconds: 5)) { content in
            content.event = "data_update"
            content.topic = "t"
            content.isDurable = true
            content.priority = .low
            content.transport = .eventStream
            content.expiresAt = Instant(nanoseconds: 9)
        }
        #expect(message.event == "data_update")
        #expect(message.eventName == "data_update")
        #expect(message.topic == "t")
        #expect(message.isDurable)
        #expect(message.priority == .low)
        #expect(message.transport == .eventStream)
        #expect(message.acceptedAt == Instant(nanoseconds: 5))
        #expect(message.expiresAt == Instant(nanoseconds: 9))
        #expect(Message.encoded(data: "1").eventName == "message")
    }

    @Test(
        "numbers, key order, spaces and repeated keys go through byte for byte",
        arguments: [
            "123456789012345678901234567890", "-0", "1E400", "1.10", "0.1e-999", "1e+5", "9007199254740993",
            #"{"b":1,"a":2,"b":3}"#, #"{"z":{"y":1,"x":2},"A":[1.0,1]}"#, "[ 1 ,\t2 ]", #""\u00e9\/é""#, #""\ud800""#,
            "\"\u{2028}\u{2029}\u{7F}\"", "{}", "[]", "\"\"",
        ])
    func exactBytes(data: String) {
        for hasLineBreaks in [false, true] {
            let message = Message.encoded(data: data, hasLineBreaks: hasLineBreaks)
            let text = String(decoding: message.tail.readableBytesView, as: UTF8.self)
            #expect(text.hasSuffix(",\"data\":\(data)}"))
        }
    }

    @Test func `line breaks between tokens become spaces, escaped ones stay`() {
        let data = "{\r\n\t\"a\":\"x\\n\\r\\u000ay\",\n\"b\":[1,\r2]\n}"
        let message = Message.encoded(data: data, hasLineBreaks: true)
        #expect(
            String(decoding: message.tail.readableBytesView, as: UTF8.self)
                .hasSuffix(",\"data\":{  \t\"a\":\"x\\n\\r\\u000ay\", \"b\":[1, 2] }}"))
    }

    @Test(arguments: 0..<150)
    func `whatever JSON comes in goes out on one line with the same meaning`(seed: Int) throws {
        var random = SeededGenerator(seed)
        let data = RandomJSON(seed: seed)
        let type = random.pick([
            #""chat""#, #""a\"b\\\n""#, #""\u00e9é😀""#, "\"" + String(repeating: "t", count: 255) + "\"",
        ])
        let space = random.pick(["", " ", "\n", "\r\n"])
        let body = "{\(space)\"type\":\(space)\(type),\"data\"\(space):\(data.text)\(space)}"
        try reading(body) { request in
            #expect(request.hasLineBreaks == (data.hasLineBreaks || space.contains { $0.isNewline }))
            var content = EnvelopeEncoder.Content(
                type: request.typeText, data: request.bytes[try #require(request.data)])
            content.dataHasLineBreaks = request.hasLineBreaks
            content.id = random.pick([nil, "x", "id é 😀", String(repeating: "i", count: 128)])
            content.topic = random.pick([nil, "room:1", String(repeating: "é", count: 127)])
            content.from = random.pick([nil, "a", String(repeating: "f", count: 128)])
            content.priority = random.pick(Priority.allCases)
            var identifiers = IdentifierSource(seed: (UInt64(seed) + 1, 2, 3, 4))
            let wallClock = Timestamp(milliseconds: Int64(random.below(2_000_000_000_000)))
            let message = EnvelopeEncoder.encode(
                content, identifiers: &identifiers, now: .zero, wallClock: wallClock)

            #expect(!message.tail.readableBytesView.contains { $0 == 0x0A || $0 == 0x0D })
            #expect(
                String(decoding: message.tail.readableBytesView, as: UTF8.self)
                    .hasSuffix(",\"data\":\(data.oneLine)}"))
            let object = try JSONOracle.object(message.envelope(epoch: "e", sequence: seed))
            #expect(JSONOracle.areEqual(object["data"], try JSONOracle.value(data.text.utf8)))
            #expect(JSONOracle.areEqual(object["type"], try JSONOracle.value(type.utf8)))
            #expect(object["id"] as? String == message.id)
            #expect(content.id == nil || message.id == content.id)
            #expect(message.hasID(message.id))
            #expect(!message.hasID(message.id + "x") && !message.hasID(String(message.id.dropLast())))
            #expect(object["timestamp"] as? String == wallClock.text)
            #expect(object["topic"] as? String == content.topic)
            #expect(object["from"] as? String == content.from)
            #expect(object["priority"] as? String == (content.priority == .normal ? nil : content.priority.name))
        }
    }
}
