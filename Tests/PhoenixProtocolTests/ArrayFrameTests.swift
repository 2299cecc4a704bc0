import Testing
import WireJSON

@testable import PhoenixProtocol

/// Version 2: `[join_ref, ref, topic, event, payload]`.
@Suite struct ArrayFrameTests {
    @Test func fiveElements() throws {
        let frame = try read(#"["3","4","mcp:gateway","message",{"type":"chat","data":{"n":42}}]"#, .v2)
        #expect(
            frame
                == ReadFrame(
                    joinRef: #""3""#, ref: #""4""#, topic: #""mcp:gateway""#, event: #""message""#,
                    payload: #"{"type":"chat","data":{"n":42}}"#))
    }

    @Test(arguments: [
        (#""3""#, #""3""#), ("0", "0"), ("17", "17"), ("-1", "-1"), ("1.5e3", "1.5e3"), ("true", "true"),
        ("false", "false"), ("null", nil),
        (#""""#, #""""#), (#""a\"b\u0041""#, #""a\"b\u0041""#), (" 7 ", "7"),
    ])
    func referencesKeepTheirJSONForm(written: String, read expected: String?) throws {
        let frame = try read("[\(written),\(written),\"t\",\"e\",{}]", .v2)
        #expect(frame.joinRef == expected)
        #expect(frame.ref == expected)
    }

    @Test(arguments: ["{}", "[]", #"{"a":1}"#, #"["1"]"#])
    func aReferenceIsNoContainer(written: String) {
        #expect(refusal("[\(written),null,\"t\",\"e\",{}]", .v2) == .invalid("ref"))
        #expect(refusal("[null,\(written),\"t\",\"e\",{}]", .v2) == .invalid("ref"))
    }

    @Test func aReferenceHasABound() {
        let longest = String(repeating: "x", count: PhoenixFrame.maxRefLength - 2)
        #expect(refusal("[null,\"\(longest)\",\"t\",\"e\",{}]", .v2) == nil)
        #expect(refusal("[null,\"\(longest)x\",\"t\",\"e\",{}]", .v2) == .invalid("ref"))
        #expect(refusal("[\"\(longest)x\",null,\"t\",\"e\",{}]", .v2) == .invalid("ref"))
    }

    @Test(arguments: [
        "[]", "[null]", "[null,null]", #"[null,null,"t"]"#, #"[null,null,"t","e"]"#, "[ ]", #"[ "1" , "2" ]"#,
    ])
    func tooShort(text: String) { #expect(refusal(text, .v2) == .tooShort) }

    @Test(arguments: [
        #"[null,null,"t","e",{},1]"#, #"[null,null,"t","e",{},null,{"a":[]},"x"]"#,
    ])
    func furtherElementsAreIgnored(text: String) throws {
        #expect(try read(text, .v2) == ReadFrame(joinRef: nil, ref: nil, topic: #""t""#, event: #""e""#, payload: "{}"))
    }

    @Test func furtherElementsAreStillJSON() {
        #expect(refusal(#"[null,null,"t","e",{},x]"#, .v2) == .json(.unexpectedByte(offset: 22)))
        #expect(refusal(#"[null,null,"t","e",{},]"#, .v2) == .json(.unexpectedByte(offset: 22)))
    }

    @Test(arguments: ["null", "1", "true", "{}", "[]"])
    func topicsAndEventsAreStrings(value: String) {
        #expect(refusal("[null,null,\(value),\"e\",{}]", .v2) == .invalid("topic"))
        #expect(refusal("[null,null,\"t\",\(value),{}]", .v2) == .invalid("event"))
    }

    @Test(arguments: ["{}", "[]", "null", "1", #""x""#, "true", #"{ "a" : [ 1 ] }"#])
    func aPayloadIsAnyJSON(value: String) throws {
        #expect(try read("[null,null,\"t\",\"e\", \(value) ]", .v2).payload == value)
    }

    @Test(arguments: ["{}", #"{"topic":"t"}"#, "1", "null", #""x""#])
    func whatIsNoArray(text: String) { #expect(refusal(text, .v2) == .notAnArray) }

    @Test(arguments: [
        ("", JSONError.unexpectedEnd), (" ", .unexpectedEnd), ("[", .unexpectedEnd),
        (#"[null,null,"t","e",{}"#, .unexpectedEnd),
        (#"[null,null,"t","e",{}]]"#, .trailingBytes(offset: 22)),
        (#"[nul,null,"t","e",{}]"#, .unexpectedByte(offset: 4)),
        ("[null null]", .unexpectedByte(offset: 6)), (#"[null,null,"t","e",{"a"}]"#, .unexpectedByte(offset: 23)),
    ])
    func brokenJSON(text: String, error: JSONError) { #expect(refusal(text, .v2) == .json(error)) }

    @Test func brokenUTF8() {
        let bytes = Array(#"[null,null,"t","e",{"a":""#.utf8) + [0xFF] + Array("\"}]".utf8)
        #expect(throws: PhoenixFrameError.json(.invalidUTF8(offset: 25))) { try read(bytes, .v2) }
    }

    @Test func depthIsBounded() {
        let deep = String(repeating: "[", count: 8) + String(repeating: "]", count: 8)
        #expect(refusal("[null,null,\"t\",\"e\",\(deep)]", .v2, maxDepth: 8) == nil)
        #expect(refusal("[null,null,\"t\",\"e\",[\(deep)]]", .v2, maxDepth: 8) == .json(.tooDeep(offset: 27)))
    }

    @Test func everyTruncationIsRefused() {
        let text = #"["3",4,"mcp:gateway","phx_join",{"topics":["room:1"],"last_event_id":null}]"#
        for end in 0..<text.utf8.count { #expect(refusal(String(text.prefix(end)), .v2) != nil, "cut at \(end)") }
    }
}
