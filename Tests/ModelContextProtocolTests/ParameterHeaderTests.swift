import ModelContextProtocol
import Testing
import WireJSON

/// Arguments that are repeated in headers.
struct ParameterHeaderTests {
    private func headers(_ schema: String) throws -> [ParameterHeader] {
        let text = #"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"t","inputSchema":\#(schema)}]}}"#
        return try Array(text.utf8).withUnsafeBytes { bytes in
            let message = try RPCMessage(bytes, maxDepth: 64)
            return try ListPage(bytes, try #require(message.result), .tools, maxDepth: 64).items[0].parameterHeaders
        }
    }

    @Test
    func aSchemaNamesThemThroughPropertiesOnly() throws {
        let found = try headers(
            #"""
            {"x-mcp-header":"Root","properties":{"a":{"type":"string","x-mcp-header":"Re-Gion"},
             "o":{"properties":{"n":{"x-mcp-header":"n"}}},"list":{"items":{"properties":{"z":{"x-mcp-header":"Z"}}}},
             "bad":{"x-mcp-header":"a b"},"p":{"x-mcp-header":"Twice"},"q":{"x-mcp-header":"twice"},"r":true}}
            """#)
        #expect(found.map(\.name) == ["mcp-param-re-gion", "mcp-param-n"])
        #expect(found.map(\.path) == [["a"], ["o", "n"]])
        #expect(try headers(#"{"properties":{"a":{}}}"#).isEmpty)
    }

    @Test(arguments: [
        (#"{"a":"x\u00e9"}"#, "xé"), (#"{"a":42}"#, "42"), (#"{"a":true}"#, "true"), (#"{"a":null}"#, nil),
        (#"{"b":1}"#, nil), (#"{"a":{}}"#, nil), (#"{"a":[1]}"#, nil), ("3", nil),
    ])
    func theirValuesAreFoundInCalls(_ arguments: String, _ expected: String?) throws {
        let header = try #require(try headers(#"{"properties":{"a":{"x-mcp-header":"A"}}}"#).first)
        let text = #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":\#(arguments)}}"#
        try Array(text.utf8).withUnsafeBytes { bytes in
            let message = try RPCMessage(bytes, maxDepth: 64)
            #expect(header.value(in: message, bytes) == expected)
        }
    }

    @Test(arguments: [
        ("42.0", "42", true), ("42", "43", false), ("x", "x", true), ("=?base64?w6k=?=", "é", true),
        ("=?base64?w6?=", "é", false),
    ])
    func numbersAreComparedAsNumbers(_ header: String, _ body: String, _ isSame: Bool) {
        #expect(ParameterHeader.isSame(header, as: body) == isSame)
    }
}
