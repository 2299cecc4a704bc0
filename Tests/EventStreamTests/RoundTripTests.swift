import Testing

@testable import EventStream

/// parse(encode(e)) = e.
@Suite struct RoundTripTests {
    @Test func whatTheWriterWrites() {
        #expect(EventStreamWriter.retry(milliseconds: 2000) == Array("retry: 2000\n\n".utf8))
        #expect(EventStreamWriter.comment == Array(":\n\n".utf8))
        #expect(EventStreamWriter.place("1z9k-7") == Array("id: 1z9k-7\n\n".utf8))
        #expect(
            EventStreamWriter.event("connected", data: Array("{}".utf8)) == Array("event: connected\ndata: {}\n\n".utf8)
        )
    }

    @Test func theClientSeesIt() {
        let stream =
            EventStreamWriter.retry(milliseconds: 2000) + EventStreamWriter.event("connected", data: Array("{}".utf8))
            + EventStreamWriter.place("1z9k-7") + EventStreamWriter.comment
            + EventStreamWriter.event("message", data: Array("x".utf8))
        let result = parse([stream])
        #expect(result.events == [message("{}", event: "connected"), message("x", id: "1z9k-7")])
        #expect(result.retry == 2000)
        #expect(result.lastEventID == "1z9k-7")
    }

    /// A line of any text but line breaks.
    private func line(_ random: inout SeededGenerator, _ length: Int) -> String {
        var scalars = String.UnicodeScalarView()
        while scalars.count < length {
            let value = UInt32(random.below(random.pick([0x30, 0x80, 0x800, 0x110000])))
            guard let scalar = Unicode.Scalar(value), scalar != "\n", scalar != "\r" else { continue }
            scalars.append(scalar)
        }
        return String(scalars)
    }

    @Test(arguments: 0..<60)
    func anyEventOfTheWriterComesBack(seed: Int) {
        var random = SeededGenerator(seed)
        var stream: [UInt8] = []
        var expected: [ServerSentEvent] = []
        var id = ""
        for _ in 0..<20 {
            switch random.below(5) {
            case 0: stream += EventStreamWriter.comment
            case 1:
                id = "\(random.below(1000))-\(random.below(1000))"
                stream += EventStreamWriter.place(id)
            default:
                let name = "n" + line(&random, random.below(6))
                let data = line(&random, random.below(40))
                stream += EventStreamWriter.event(name, data: Array(data.utf8))
                expected.append(message(data, event: name, id: id))
            }
        }
        let events = parse([stream]).events
        #expect(events.count == expected.count)
        for (event, other) in zip(events, expected) {
            #expect(event.data.unicodeScalars.elementsEqual(other.data.unicodeScalars), "seed \(seed)")
            #expect(event.event.unicodeScalars.elementsEqual(other.event.unicodeScalars), "seed \(seed)")
            #expect(event.lastEventID == other.lastEventID, "seed \(seed)")
        }
    }

    /// Any server's way to write an event: fields in any order, data of several lines, every line end.
    @Test(arguments: 0..<60)
    func anyWayToWriteItIsRead(seed: Int) {
        var random = SeededGenerator(seed)
        var stream = ""
        var expected: [ServerSentEvent] = []
        for _ in 0..<10 {
            let lines = (0..<(1 + random.below(4))).map { _ in line(&random, random.below(12)) }
            let name = random.pick(["message", "update", "x y"])
            let id = "\(random.below(100))"
            var fields = ["event:\(random.pick([" ", ""]))\(name)", "id:\(random.pick([" ", ""]))\(id)"]
            if random.oneIn(2) { fields.append(": " + line(&random, 3)) }
            fields.shuffle(using: &random)
            let end = random.pick(["\n", "\r", "\r\n"])
            // Without a space of its own a line that starts with one would lose it.
            for text in lines { fields.insert("data: " + text, at: fields.count) }
            stream += fields.map { $0 + end }.joined() + end
            expected.append(message(lines.joined(separator: "\n"), event: name, id: id))
        }
        #expect(parse(stream).events == expected, "seed \(seed)")
    }
}
