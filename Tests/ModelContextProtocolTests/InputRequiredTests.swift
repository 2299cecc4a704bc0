import ModelContextProtocol
import NIOCore
import Testing

/// Results that are questions, and calls that bring the answers.
struct InputRequiredTests {
    private func read<Result>(_ text: String, _ body: (RPCMessage, UnsafeRawBufferPointer) throws -> Result) throws
        -> Result
    {
        try Array(text.utf8).withUnsafeBytes { try body(try RPCMessage($0, maxDepth: 64), $0) }
    }

    @Test
    func aQuestionIsRead() throws {
        let text = #"""
            {"jsonrpc":"2.0","id":1,"result":{"inputRequests":{"a b":{"method":"x/y","params":{"n":1.0}},"c":{"method":"roots/list"},
            "no":3,"none":{}},"requestState":"s\"","resultType":"input_required"}}
            """#
        let required = try #require(try read(text) { InputRequired($0, $1) })
        #expect(required.requests.map(\.key) == ["a b", "c"])
        #expect(required.requests.map(\.method) == ["x/y", "roots/list"])
        #expect(required.requests[0].params == Array(#"{"n":1.0}"#.utf8) && required.requests[1].params == nil)
        #expect(required.state == Array(#""s\"""#.utf8))
    }

    @Test(arguments: [
        #"{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","inputRequests":{}}}"#,
        #"{"jsonrpc":"2.0","id":1,"result":{"inputRequests":{"a":{"method":"x"}}}}"#,
        #"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        #"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"input_required"}}"#,
    ])
    func otherAnswersAreNone(_ text: String) throws {
        let required = try read(text) { InputRequired($0, $1) }
        #expect(required == nil)
    }

    @Test
    func whatIsWrittenIsRead() throws {
        let requests = [InputRequired.Request(key: "1", method: "elicitation/create", params: Array(#"{"a":[]}"#.utf8))]
        let result = InputRequired.result(requests, state: "s", server: Array(#"{"name":"g"}"#.utf8))
        let text = String(decoding: RPCAnswer.result(result, id: Array("7".utf8)), as: UTF8.self)
        let required = try #require(try read(text) { InputRequired($0, $1) })
        #expect(required.requests.map(\.method) == ["elicitation/create"] && required.state == Array(#""s""#.utf8))
    }

    @Test
    func aCallGoesOnceMoreAllElseAsItWas() throws {
        let text =
            #"{"jsonrpc":"2.0","id":4,"params":{"name":"t","arguments":{"big":12345678901234567890.0},"_meta":{"progressToken":4}},"method":"tools/call"}"#
        let again = try read(text) {
            InputRequired.retry(
                $0, $1, number: 9, responses: [("k", Array(#"{"x":1}"#.utf8))], state: Array(#""s""#.utf8))
        }
        #expect(
            String(buffer: again)
                == #"{"jsonrpc":"2.0","id":9,"params":{"inputResponses":{"k":{"x":1}},"requestState":"s","name":"t","arguments":{"big":12345678901234567890.0},"_meta":{"progressToken":9}},"method":"tools/call"}"#
        )
        let found = try read(String(buffer: again)) { InputRequired.responses($0, $1) }
        #expect(found == ["k": Array(#"{"x":1}"#.utf8)])
    }
}
