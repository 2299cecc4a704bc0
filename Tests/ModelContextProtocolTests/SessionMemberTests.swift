import ModelContextProtocol
import NIOCore
import Testing

/// What a message says of its session and of tasks.
struct SessionMemberTests {
    private func read<Result>(_ text: String, _ body: (RPCMessage, UnsafeRawBufferPointer) throws -> Result) throws
        -> Result
    {
        try Array(text.utf8).withUnsafeBytes { try body(try RPCMessage($0, maxDepth: 64), $0) }
    }

    @Test(arguments: [
        (#"{"mcpSessionId":"s","jsonrpc":"2.0","id":1,"method":"ping"}"#, #"{"jsonrpc":"2.0","id":1,"method":"ping"}"#),
        (
            #"{"jsonrpc":"2.0","id":1,"mcpSessionId" : "s" , "method":"ping"}"#,
            #"{"jsonrpc":"2.0","id":1, "method":"ping"}"#
        ),
        (
            #"{"jsonrpc":"2.0","id":1,"method":"ping" , "mcpSessionId":"s"}"#,
            #"{"jsonrpc":"2.0","id":1,"method":"ping" }"#
        ),
    ]) func theSessionIsTakenOut(_ text: String, _ rest: String) throws {
        try read(text) { message, bytes in
            #expect(message.sessionID.map { RPCMessage.text($0, bytes) } == "s")
            #expect(String(buffer: message.withoutSessionID(bytes)) == rest)
        }
    }

    @Test func tasksAreFound() throws {
        try read(#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","task":{"ttl":1}}}"#) {
            message, _ in
            #expect(message.wantsTask)
        }
        try read(#"{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"taskId":"x"}}"#) { message, bytes in
            #expect(message.method == nil && message.taskID.map { RPCMessage.text($0, bytes) } == "x")
        }
        for (result, task) in [
            (#"{"_meta":{},"task":{"status":"working","taskId":"a\"b"}}"#, "a\"b"), (#"{"task":{}}"#, nil),
            (#"{"task":1}"#, nil),
            ("{}", nil), ("3", nil),
        ] as [(String, String?)] {
            try read(#"{"jsonrpc":"2.0","id":1,"result":\#(result)}"#) { message, bytes in
                #expect(message.createdTask(bytes) == task)
            }
        }
    }
}
