import ModelContextProtocol
import NIOCore
import Testing
import WireJSON

/// Reading messages: what is found, what is refused, and that payload bytes stay what they are.
struct RPCMessageTests {
    private func read<Value>(
        _ text: String, _ body: (RPCMessage, UnsafeRawBufferPointer) throws -> Value
    ) throws -> Value {
        try Array(text.utf8).withUnsafeBytes { try body(try RPCMessage($0, maxDepth: 64), $0) }
    }

    private func failure(_ text: String) -> Int? {
        do {
            _ = try read(text) { message, _ in message }
            return nil
        } catch { return (error as? RPCError)?.code }
    }

    @Test func findsWhatRoutingNeeds() throws {
        let text = #"""
            {"jsonrpc":"2.0","id":"7","method":"tools/call","params":{"name":"caf\u00e9","arguments":{"name":1},"_meta":{"progressToken":3}}}
            """#
        try read(text) { message, bytes in
            #expect(message.kind == .request)
            #expect(message.method == .callTool)
            #expect(message.name.map { RPCMessage.text($0, bytes) } == "café")
            #expect(message.progressToken.flatMap { RPCMessage.integer($0, bytes) } == 3)
            // "7" is not 7.
            #expect(message.id.flatMap { RPCMessage.integer($0, bytes) } == nil)
        }
    }

    @Test func keysMayBeEscaped() throws {
        try read(#"{"jsonrpc":"2.0","id":1,"\u006dethod":"ping"}"#) { message, _ in #expect(message.method == .ping) }
    }

    @Test func payloadBytesAreNotTouched() throws {
        let text =
            #"{"id":1,"jsonrpc":"2.0","method":"tools/call","params":{"arguments":{"b":12345678901234567890123,"a":1.0,"e":1E2},"name":"x"}}"#
        let output = try read(text) { message, bytes in
            var splice = Splice()
            splice.replace(message.name, with: Array(#""y__x""#.utf8))
            splice.replace(message.id, with: 4096)
            return String(buffer: splice.apply(to: bytes))
        }
        #expect(
            output
                == #"{"id":4096,"jsonrpc":"2.0","method":"tools/call","params":{"arguments":{"b":12345678901234567890123,"a":1.0,"e":1E2},"name":"y__x"}}"#
        )
    }

    @Test func lineBreaksBetweenTokensBecomeSpaces() throws {
        let text = "{\"jsonrpc\":\"2.0\",\r\n\"id\":1,\n\"result\":{\"a\":\"\\n\"}}"
        let output = try read(text) { message, bytes in
            #expect(message.hasLineBreaks)
            return String(buffer: Splice().apply(to: bytes, oneLine: true))
        }
        #expect(output == "{\"jsonrpc\":\"2.0\",  \"id\":1, \"result\":{\"a\":\"\\n\"}}")
    }

    @Test(arguments: [
        ("{", -32700), ("nonsense", -32700), ("", -32700), ("{}x", -32700), ("\u{1}", -32700),
        ("[]", -32600), ("3", -32600), ("{}", -32600), (#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600),
        (#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
        (#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, -32600),
        (#"{"jsonrpc":"2.0","id":1,"method":5}"#, -32600),
        (#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#, -32600),
        (#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#, -32600),
        (#"{"jsonrpc":"2.0","result":{}}"#, -32600),
    ]) func refuses(_ text: String, _ code: Int) {
        #expect(failure(text) == code)
    }

    @Test(arguments: [
        #"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#,
        #"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}"#,
        #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}"#,
        #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","n\u0061me":"b"}}"#,
    ]) func membersThatDecideStandOnce(_ text: String) {
        #expect(failure(text) == -32600)
    }

    @Test func anErrorMayLackItsID() throws {
        try read(#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}"#) { message, _ in
            #expect(message.kind == .response)
            #expect(message.id == nil)
        }
    }

    @Test func modernMeta() throws {
        let text = #"""
            {"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"sampling":{}}}}}
            """#
        try read(text) { message, bytes in
            #expect(message.modernVersion.map { RPCMessage.text($0, bytes) } == "2026-07-28")
            #expect(message.modernCapabilities?.length == 15)
            #expect(message.protocolVersion == nil)
        }
    }
}
