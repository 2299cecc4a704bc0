import Testing

@testable import GatewayLoad

@Suite struct LoadConversationTests {
    private static func plan(_ dialect: LoadPlan.Dialect, path: String = "/mcp/x") -> LoadPlan {
        var plan = LoadPlan(
            dialect: dialect,
            place: .init(isSecure: false, host: "h", port: 1, authority: "h:1", path: path), run: "r")
        plan.payload = 4
        return plan
    }

    private static func hear(_ conversation: inout LoadConversation, _ text: String) -> LoadConversation.Meaning {
        Array(text.utf8).withUnsafeBytes { conversation.heard($0) }
    }

    @Test func `A channel is joined before anything is pushed`() {
        var conversation = LoadConversation(Self.plan(.phoenix), number: 3)
        #expect(conversation.path == "/mcp/x?vsn=2.0.0&client_id=load-test-r-3")
        #expect(conversation.greeting() == #"["1","1","mcp:gateway","phx_join",{}]"#)
        #expect(
            Self.hear(&conversation, #"["1","1","mcp:gateway","phx_reply",{"status":"ok","response":{}}]"#) == .ready)
        #expect(
            conversation.message() == #"["1","2","mcp:gateway","message",{"type":"echo","data":{"text":"xxxx"}}]"#)
        #expect(Self.hear(&conversation, #"["1",null,"mcp:gateway","message",{"type":"echo"}]"#) == .nothing)
        #expect(
            Self.hear(&conversation, #"[null,"h","phoenix","phx_reply",{"status":"ok","response":{}}]"#) == .nothing)
        #expect(
            Self.hear(&conversation, #"["1","2","mcp:gateway","phx_reply",{"status":"ok","response":{}}]"#)
                == .answered)
        #expect(
            Self.hear(&conversation, #"["1","3","mcp:gateway","phx_reply",{"status":"error","response":{}}]"#)
                == .failed(#"{"status":"error","response":{}}"#))
    }

    @Test func `A join that is refused is a connection that is refused`() {
        var conversation = LoadConversation(Self.plan(.phoenix), number: 0)
        let answer = Self.hear(
            &conversation, #"["1","1","mcp:gateway","phx_reply",{"status":"error","response":{"reason":"no"}}]"#)
        #expect(answer == .refused(#"{"status":"error","response":{"reason":"no"}}"#))
        #expect(Self.hear(&conversation, "hello") == .refused("not a message of Phoenix Channels"))
        #expect(Self.hear(&conversation, #"["1",null,"mcp:gateway","phx_close",{}]"#) == .refused("phx_close"))
    }

    @Test func `Each connection may have a channel of its own`() {
        var plan = Self.plan(.phoenix)
        plan.channel = "room:{n}"
        var conversation = LoadConversation(plan, number: 3)
        #expect(conversation.greeting() == #"["1","1","room:3","phx_join",{}]"#)
    }

    @Test func `A stream's address is completed unless it is complete`() {
        #expect(
            LoadConversation(Self.plan(.sse), number: 7).path
                == "/mcp/x?client_id=load-test-r-7&topics=load-test:r")
        #expect(LoadConversation(Self.plan(.sse, path: "/s?n={n}"), number: 7).path == "/s?n=7")
    }

    @Test func `What is published says when it was due`() {
        let body = LoadConversation.publish(Self.plan(.sse), at: 123)
        #expect(body == #"{"topic":"load-test:r","type":"load_test","data":{"load_test_sent":123,"text":"xxxx"}}"#)
        #expect(LoadConversation.event(body) == .event(123))
        #expect(LoadConversation.event("somebody else's") == .event(nil))
    }

    @Test(
        arguments: [
            (#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#, nil),
            (#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"isError":false}}"#, nil),
            (#"{"jsonrpc":"2.0","id":1,"result":{"isError":true}}"#, #"{"isError":true}"#),
            (#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602}}"#, #"{"code":-32602}"#),
            (#"{"jsonrpc":"2.0","id":1}"#, "neither a result nor an error"),
            ("[]", "not a JSON object"), ("<html>", "not a JSON object"), ("{\"id\":}", "not JSON"),
            ("", "an empty answer"),
        ] as [(String, String?)])
    func `An answer of a tool is good or bad`(text: String, problem: String?) {
        #expect(ToolAnswer.failure(Array(text.utf8)) == problem)
    }

    @Test func `The revision is what the server chose`() {
        let answer = #"{"id":0,"result":{"capabilities":{},"protocolVersion":"2025-06-18"}}"#
        #expect(ToolAnswer.protocolVersion(Array(answer.utf8)) == "2025-06-18")
        #expect(ToolAnswer.protocolVersion(Array("{}".utf8)) == nil)
    }
}
