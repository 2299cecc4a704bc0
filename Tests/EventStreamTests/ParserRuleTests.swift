import Testing

@testable import EventStream

/// WHATWG HTML §9.2.5 and §9.2.6, rule by rule.
@Suite struct ParserRuleTests {
    @Test func theExamplesOfTheStandard() {
        #expect(parse("data: YHOO\ndata: +2\ndata: 10\n\n").events == [message("YHOO\n+2\n10")])
        let blocks = ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n"
        #expect(parse(blocks).events == [message("first event", id: "1"), message("second event", id: "")])
        #expect(parse("data\n\ndata\ndata\n\ndata:").events == [message(""), message("\n")])
        #expect(parse("data:test\n\ndata: test\n\n").events == [message("test"), message("test")])
    }

    @Test func linesEndInThreeWays() {
        for end in ["\n", "\r", "\r\n"] {
            #expect(
                parse("data: a\(end)data: b\(end)\(end)data: c\(end)\(end)").events == [message("a\nb"), message("c")])
        }
        #expect(parse("data: a\r\ndata: b\rdata: c\n\r").events == [message("a\nb\nc")])
        #expect(parse("data: a\n\rdata: b\n\n").events == [message("a"), message("b")])
        #expect(parse("data: a\r\r\ndata: b\r\n\r\n").events == [message("a"), message("b")])
    }

    @Test func anEventThatEndsWithACarriageReturnIsNotHeldBack() {
        var parser = EventStreamParser()
        #expect(parser.append("data: a\r\r".utf8) == [message("a")])
        #expect(parser.append("\ndata: b\r\n\r".utf8) == [message("b")])
        #expect(parser.append("\n".utf8) == [])
    }

    @Test func aByteOrderMarkAtTheBeginningIsSkipped() {
        #expect(parse("\u{FEFF}data: a\n\n").events == [message("a")])
        #expect(parse("\u{FEFF}\ndata: a\n\n").events == [message("a")])
        #expect(parse("\u{FEFF}\u{FEFF}data: a\n\n").events == [])
        #expect(parse("\ndata: a\n\u{FEFF}data: b\n\n").events == [message("a")])
        #expect(parse("data: \u{FEFF}a\n\n").events == [message("\u{FEFF}a")])
    }

    @Test func commentsAndUnknownFieldsAreIgnored() {
        #expect(
            parse(":\n: a\n:data: b\ndata: c\nfoo: bar\nfoo\nDATA: d\nData: e\n data: f\ndata : g\n\n").events == [
                message("c")
            ])
    }

    @Test func oneSpaceBehindTheColonIsRemoved() {
        #expect(parse("data:a\n\n").events == [message("a")])
        #expect(parse("data:  a \n\n").events == [message(" a ")])
        #expect(parse("data:\ta\n\n").events == [message("\ta")])
        #expect(parse("data: \n\n").events == [message("")])
        #expect(parse("data: a: b\n\n").events == [message("a: b")])
    }

    @Test func anEventWithoutDataIsNone() {
        let result = parse("event: a\nid: 7\n\nevent: b\n\n")
        #expect(result.events == [])
        #expect(result.lastEventID == "7")
        #expect(parse("event: a\n\ndata: b\n\n").events == [message("b")])
    }

    @Test func theTypeIsForOneEvent() {
        #expect(parse("event: a\ndata: 1\n\ndata: 2\n\n").events == [message("1", event: "a"), message("2")])
        #expect(parse("event: a\nevent: b\ndata: 1\n\n").events == [message("1", event: "b")])
        #expect(parse("event: a\nevent:\ndata: 1\n\n").events == [message("1")])
    }

    @Test func theIDStays() {
        let result = parse("id: 1\ndata: a\n\ndata: b\n\nid: 2\n\ndata: c\n\nid\ndata: d\n\n")
        #expect(
            result.events == [
                message("a", id: "1"), message("b", id: "1"), message("c", id: "2"), message("d", id: ""),
            ])
    }

    @Test func anIDCountsWithTheBlankLine() {
        #expect(parse("id: 1\n\nid: 2\n").lastEventID == "1")
        #expect(parse("id: 1\n\nid: 2\ndata: a").lastEventID == "1")
    }

    @Test func anIDWithNULIsIgnored() {
        #expect(parse("id: 1\n\nid: a\u{0}b\ndata: x\n\n").events == [message("x", id: "1")])
        #expect(parse("id: \u{0}\n\n").lastEventID == "")
        #expect(parse("data: a\u{0}b\n\n").events == [message("a\u{0}b")])
    }

    @Test(
        arguments: [
            ("retry: 2000", 2000), ("retry:0", 0), ("retry: 007", 7), ("retry: 1\nretry: 2", 2),
            ("retry: 5\nretry: x", 5), ("retry: -1", nil), ("retry: +1", nil),
            ("retry: 1.5", nil), ("retry: 1 ", nil), ("retry:  1", nil), ("retry", nil), ("retry:", nil),
            ("retry: １", nil),
            ("retry: 5\nretry: 99999999999999999999", 5),
        ] as [(String, Int?)])
    func retryIsDigits(line: String, expected: Int?) {
        #expect(parse(line + "\n").retry == expected)
    }

    @Test func whatIsNotFinishedIsDropped() {
        #expect(parse("data: a").events == [])
        #expect(parse("data: a\n").events == [])
        #expect(parse("data: a\n\ndata: b\n").events == [message("a")])
    }

    @Test func invalidUTF8IsReplacedAsInTheWholeStream() {
        let lines: [[UInt8]] = [[0xFF], [0xE2, 0x82], [0xC3, 0x28], [0xED, 0xA0, 0x80], [0xF0, 0x9F, 0x98, 0x41]]
        for bytes in lines {
            let stream = Array("data: ".utf8) + bytes + Array("\ndata: ".utf8) + bytes + Array("\n\n".utf8)
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(parse([stream]).events == [message(text + "\n" + text)])
        }
    }
}
