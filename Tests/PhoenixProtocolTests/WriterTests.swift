import Foundation
import Testing
import WireJSON

@testable import PhoenixProtocol

/// The gateway's frames, byte for byte as Phoenix writes them.
@Suite struct WriterTests {
    private func reply(
        _ version: PhoenixVersion, joinRef: String = #""3""#, ref: String, isError: Bool = false,
        response: String = "{}"
    ) -> String {
        var output: [UInt8] = []
        PhoenixWriter.appendReply(
            version, joinRef: joinRef.utf8, ref: ref.utf8, topic: #""mcp:gateway""#.utf8, isError: isError,
            response: response.utf8,
            to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    private func push(
        _ version: PhoenixVersion, joinRef: String = "null", ref: String = "null", topic: String = "room:1",
        event: String = "message",
        payload: String = #"{"a":1}"#
    ) -> String {
        var output: [UInt8] = []
        PhoenixWriter.appendPush(
            version, joinRef: joinRef.utf8, ref: ref.utf8, topic: topic, event: event, payload: payload.utf8,
            to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    @Test func replies() {
        #expect(reply(.v2, ref: #""4""#) == #"["3","4","mcp:gateway","phx_reply",{"status":"ok","response":{}}]"#)
        #expect(
            reply(.v1, ref: #""4""#)
                == #"{"topic":"mcp:gateway","event":"phx_reply","ref":"4","payload":{"status":"ok","response":{}}}"#)
    }

    @Test func errorReplies() {
        let reason = #"{"reason":"unmatched topic"}"#
        #expect(
            reply(.v2, joinRef: "null", ref: "4", isError: true, response: reason)
                == #"[null,4,"mcp:gateway","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]"#)
        #expect(
            reply(.v1, ref: "null", isError: true, response: reason)
                == #"{"topic":"mcp:gateway","event":"phx_reply","ref":null,"payload":{"status":"error","response":{"reason":"unmatched topic"}}}"#
        )
    }

    @Test(arguments: [#""1""#, "0", "17", "1.5", "true", "null", #""\u00e9\"""#])
    func referencesAreEchoedAsTheyCame(ref: String) {
        #expect(reply(.v2, joinRef: ref, ref: ref).hasPrefix("[\(ref),\(ref),\"mcp:gateway\","))
        #expect(reply(.v1, ref: ref).contains(",\"ref\":\(ref),"))
    }

    @Test func pushes() {
        #expect(push(.v2) == #"[null,null,"room:1","message",{"a":1}]"#)
        #expect(push(.v1) == #"{"topic":"room:1","event":"message","ref":null,"payload":{"a":1}}"#)
    }

    @Test func aCloseNamesItsJoin() {
        #expect(
            push(.v2, joinRef: "3", ref: "3", event: "phx_close", payload: "{}") == #"[3,3,"room:1","phx_close",{}]"#)
        #expect(
            push(.v1, joinRef: "3", ref: "3", event: "phx_close", payload: "{}")
                == #"{"topic":"room:1","event":"phx_close","ref":3,"payload":{}}"#)
    }

    @Test func versionOneHasExactlyFourMembers() throws {
        for text in [reply(.v1, ref: "1"), push(.v1, joinRef: #""9""#)] {
            let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
            #expect(Set(object?.keys.map { $0 } ?? []) == ["topic", "event", "ref", "payload"])
        }
    }

    @Test(arguments: ["a\"b", "a\\b", "é😀", "a\nb", "\u{0}"])
    func namesAreQuoted(name: String) throws {
        for version in [PhoenixVersion.v1, .v2] {
            let text = push(version, topic: name, event: name)
            let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
            let members = object as? [String: Any]
            let elements = object as? [Any]
            #expect((members?["topic"] ?? elements?[2]) as? String == name)
            #expect((members?["event"] ?? elements?[3]) as? String == name)
        }
    }

    @Test func whatIsWrittenStandsBehindWhatIsThere() {
        var output = Array("x".utf8)
        PhoenixWriter.appendPush(
            .v2, joinRef: PhoenixWriter.null, ref: PhoenixWriter.null, topic: "t", event: "e", payload: "{}".utf8,
            to: &output)
        #expect(String(decoding: output, as: UTF8.self) == #"x[null,null,"t","e",{}]"#)
    }

    /// A push read by the reader of client frames: the two sides agree on places.
    @Test func whatIsWrittenIsReadAgain() throws {
        for version in [PhoenixVersion.v1, .v2] {
            let frame = try read(push(version, joinRef: "7", ref: "7"), version)
            #expect(frame.ref == "7")
            #expect(frame.joinRef == (version == .v2 ? "7" : nil))
            #expect(frame.topic == #""room:1""#)
            #expect(frame.payload == #"{"a":1}"#)
        }
    }
}
