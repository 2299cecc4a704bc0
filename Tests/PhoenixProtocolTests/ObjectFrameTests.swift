import Testing
import WireJSON

@testable import PhoenixProtocol

/// Version 1: `{"topic":…,"event":…,"payload":…,"ref":…}`.
@Suite struct ObjectFrameTests {
    @Test func theRequirementsExample() throws {
        let frame = try read(
            #"{"topic":"mcp:gateway","event":"phx_join","payload":{"client_id":"user123"},"ref":"1"}"#, .v1)
        #expect(
            frame
                == ReadFrame(
                    joinRef: nil, ref: #""1""#, topic: #""mcp:gateway""#, event: #""phx_join""#,
                    payload: #"{"client_id":"user123"}"#))
    }

    @Test func anyOrderWithFurtherMembers() throws {
        let frame = try read(
            #" { "x":[{"topic":"no"}], "ref" : 0 , "payload":null,"join_ref":"9","event":"e" , "topic":"t","":1 } "#,
            .v1)
        #expect(frame == ReadFrame(joinRef: #""9""#, ref: "0", topic: #""t""#, event: #""e""#, payload: "null"))
    }

    @Test(arguments: [(#""1""#, #""1""#), ("0", "0"), ("1.0", "1.0"), ("true", "true"), ("null", nil)])
    func referencesKeepTheirJSONForm(written: String, expected: String?) throws {
        let frame = try read(
            "{\"topic\":\"t\",\"event\":\"e\",\"payload\":{},\"ref\":\(written),\"join_ref\":\(written)}", .v1)
        #expect(frame.ref == expected)
        #expect(frame.joinRef == expected)
    }

    @Test func aReferenceMayBeAbsent() throws {
        let frame = try read(#"{"topic":"t","event":"e","payload":{}}"#, .v1)
        #expect(frame.ref == nil)
        #expect(frame.joinRef == nil)
    }

    @Test(arguments: [
        ("{}", "topic"), (#"{"event":"e","payload":{},"ref":"1"}"#, "topic"),
        (#"{"topic":"t","payload":{},"ref":"1"}"#, "event"),
        (#"{"topic":"t","event":"e","ref":"1"}"#, "payload"), (#"{"Topic":"t","event":"e","payload":{}}"#, "topic"),
    ])
    func missingMembers(text: String, name: String) { #expect(refusal(text, .v1) == .missing(name)) }

    @Test(arguments: ["null", "1", "{}", "[]", "true"])
    func topicsAndEventsAreStrings(value: String) {
        #expect(refusal("{\"topic\":\(value),\"event\":\"e\",\"payload\":{}}", .v1) == .invalid("topic"))
        #expect(refusal("{\"topic\":\"t\",\"event\":\(value),\"payload\":{}}", .v1) == .invalid("event"))
    }

    @Test(arguments: ["[]", "{}"])
    func aReferenceIsNoContainer(value: String) {
        #expect(refusal("{\"topic\":\"t\",\"event\":\"e\",\"payload\":{},\"ref\":\(value)}", .v1) == .invalid("ref"))
    }

    @Test(arguments: ["[]", #"[null,null,"t","e",{}]"#, "1", "null", #""x""#])
    func whatIsNoObject(text: String) { #expect(refusal(text, .v1) == .notAnObject) }

    @Test(arguments: [
        ("", JSONError.unexpectedEnd), ("{", .unexpectedEnd), (#"{"topic":"t""#, .unexpectedEnd),
        (#"{"topic"}"#, .unexpectedByte(offset: 8)),
        (#"{"topic":"t","event":"e","payload":{}}x"#, .trailingBytes(offset: 38)),
        (#"{topic:"t"}"#, .unexpectedByte(offset: 1)),
    ])
    func brokenJSON(text: String, error: JSONError) { #expect(refusal(text, .v1) == .json(error)) }

    @Test func everyTruncationIsRefused() {
        let text = #"{"topic":"mcp:gateway","event":"message","payload":{"type":"chat","data":[1,2]},"ref":12}"#
        for end in 0..<text.utf8.count { #expect(refusal(String(text.prefix(end)), .v1) != nil, "cut at \(end)") }
    }

    @Test func reasonsSayWhatIsExpected() {
        let all: [PhoenixFrameError] = [
            .json(.unexpectedEnd), .notAnArray, .notAnObject, .tooShort, .missing("topic"), .invalid("topic"),
        ]
        #expect(Set(all.map(\.reason)).count == all.count)
        for error in all { #expect(error.reason.utf8.count <= 123, "a close frame holds it") }
    }
}
