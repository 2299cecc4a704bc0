import Testing

@testable import DeliveryHistory

@Suite struct HistoryReaderTests {
    @Test(arguments: [
        (
            #"{"event":"deliver","client":"a","connection":"c","epoch":"e","id":"m"}"#,
            "`sequence`, a whole number, is missing"
        ),
        (
            #"{"event":"deliver","client":"a","connection":"c","epoch":"e","sequence":"1","id":"m"}"#,
            "`sequence`, a whole number, is missing"
        ),
        (
            #"{"event":"publish","publisher":"p","client":"a","id":"m","durable":true,"answer":"yes"}"#,
            "`answer` is accepted, refused or none"
        ),
        (#"{"event":"gap","client":"a","connection":"c","epoch":"e","from":3,"to":2}"#, "`from` is behind `to`"),
        (
            #"{"event":"connect","client":"a","connection":"c","epoch":"e","resume":"x","recovered":true}"#,
            "`resume` is an event id, <epoch>-<sequence>, or null"
        ),
        (
            #"{"event":"fly"}"#,
            #"`event` is "fly"; known: publish, connect, deliver, gap, ack, disconnect, crash, settled"#
        ),
        (#"{"event":"crash""#, "the JSON text ends too early"),
    ])
    func aLineThatIsNoEventIsNamed(line: String, reason: String) {
        let text = "{\"event\":\"crash\"}\n\n\(line)\n"
        let error = #expect(throws: HistoryError.self) { try HistoryReader.read(Array(text.utf8), file: "f") }
        #expect(error?.reason == reason)
        #expect(error?.place == HistoryEvent.Place(file: "f", line: 3))
    }

    @Test func severalFilesAreMergedByTime() throws {
        let one = try HistoryReader.read(Array(#"{"event":"crash","at":5}"#.utf8), file: "one")
        let two = try HistoryReader.read(
            Array("{\"event\":\"settled\",\"client\":\"a\",\"at\":1.5}\n{\"event\":\"crash\",\"at\":5}".utf8),
            file: "two")
        #expect(try HistoryReader.merge([one, two]).map(\.place.description) == ["two:1", "one:1", "two:2"])
        let timeless = try HistoryReader.read(Array(#"{"event":"crash"}"#.utf8), file: "three")
        #expect(throws: HistoryError.self) { try HistoryReader.merge([one, timeless]) }
    }
}
