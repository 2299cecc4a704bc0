import ModelContextProtocol
import NIOCore
import Testing

struct TraceSpliceTests {
    @Test(arguments: [
        (#"{"_meta":{"traceparent":"old","a":1}}"#, #"{"_meta":{"traceparent":"NEW","a":1}}"#),
        (#"{"_meta":{"a":1}}"#, #"{"_meta":{"traceparent":"NEW","a":1}}"#),
        (#"{"_meta":{ }}"#, #"{"_meta":{"traceparent":"NEW" }}"#),
        (#"{"name":"n"}"#, #"{"_meta":{"traceparent":"NEW"},"name":"n"}"#),
        (#"{ }"#, #"{"_meta":{"traceparent":"NEW"} }"#),
        // What is no object is the server's to refuse.
        (#"{"_meta":7}"#, #"{"_meta":7}"#),
    ])
    func `the place in the trace goes where servers look for it`(params: String, expected: String) throws {
        let text = Array(#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":\#(params)}"#.utf8)
        let result = try text.withUnsafeBytes { bytes in
            let message = try RPCMessage(bytes, maxDepth: 64)
            var splice = Splice()
            message.carryTrace("NEW", in: &splice, of: bytes)
            return String(buffer: splice.apply(to: bytes))
        }
        #expect(result == #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":\#(expected)}"#)
    }

    @Test(arguments: [
        (#"{"isError":true,"content":[]}"#, true), (#"{"content":[{"isError":true}]}"#, false),
        (#"{"content":[],"isError":false}"#, false), ("7", false),
    ])
    func `a tool that says that it has failed is known`(result: String, expected: Bool) throws {
        let text = Array(#"{"jsonrpc":"2.0","id":1,"result":\#(result)}"#.utf8)
        #expect(try text.withUnsafeBytes { try RPCMessage($0, maxDepth: 64).isToolError($0) } == expected)
    }
}
