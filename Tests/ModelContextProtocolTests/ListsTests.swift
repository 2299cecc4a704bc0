import ModelContextProtocol
import Testing
import WireJSON

/// Pages of lists, names for clients, and what headers say.
struct ListsTests {
    @Test func aPageIsPlaces() throws {
        let text =
            #"{"tools":[{"x":[1.0],"name":"a\u0062","annotations":{"readOnlyHint":true}},{"title":"no name"},{"name":"c"}],"nextCursor":"n","ttlMs":5,"cacheScope":"public"}"#
        try Array(text.utf8).withUnsafeBytes { bytes in
            let page = try ListPage(bytes, JSONSpan(offset: 0, length: bytes.count), .tools, maxDepth: 64)
            #expect(page.items.map(\.nameText) == ["ab", "c"])
            #expect(page.items.map(\.isRepeatable) == [true, false])
            #expect(page.nextCursor?.length == 3 && page.timeToLive == 5 && page.isPublic)
            let first = page.items[0]
            #expect(String(decoding: bytes[first.name.offset..<first.name.end], as: UTF8.self) == #""a\u0062""#)
            #expect(
                String(decoding: bytes[first.span.offset..<first.span.end], as: UTF8.self).hasPrefix(#"{"x":[1.0],"#))
        }
    }

    @Test func onlyNamesThatCollideArePrefixed() {
        let servers = [(name: "a", items: ["x", "y"]), (name: "b", items: ["y", "z"])]
        let names = ExposedNames(servers, prefix: .collision)
        #expect(names.name(of: "x", server: 0) == "x")
        #expect(names.name(of: "y", server: 0) == "a__y")
        #expect(names.name(of: "y", server: 1) == "b__y")
        #expect(names.place(of: "b__y")?.server == 1 && names.place(of: "b__y")?.name == "y")
        #expect(names.place(of: "y") == nil)
    }

    @Test func namesMayAlwaysOrNeverBePrefixed() {
        let servers = [(name: "a", items: ["x"]), (name: "b", items: ["x"])]
        #expect(ExposedNames(servers, prefix: .always).name(of: "x", server: 1) == "b__x")
        let never = ExposedNames(servers, prefix: .never)
        #expect(never.place(of: "x")?.server == 0)
        #expect(never.name(of: "x", server: 1) == nil)
    }

    @Test func noNameIsTooLong() {
        let long = String(repeating: "n", count: 128)
        let name = ExposedNames.prefixed(long, with: "server")
        #expect(name.utf8.count == 128)
        #expect(name != ExposedNames.prefixed(long + "m", with: "server"))
    }

    @Test(arguments: [
        ("plain", "plain"), ("=?base64?Y2Fmw6k=?=", "café"), ("=?base64??=", ""),
        ("=?BASE64?Y2Fm?=", "=?BASE64?Y2Fm?="),
    ]) func headersAreUnwrapped(_ value: String, _ text: String) {
        #expect(HeaderText.decode(value) == text)
    }

    @Test(arguments: ["=?base64?Y2F?=", "=?base64?Y2Fmw6l=?=", "=?base64?Y2 m?=", "=?base64?/w==?="])
    func whatIsWrappedWronglyIsNoText(_ value: String) {
        #expect(HeaderText.decode(value) == nil)
    }

    @Test func reservedMetaStaysHere() throws {
        let text =
            #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","progressToken":"p","traceparent":"t"}}}"#
        try Array(text.utf8).withUnsafeBytes { bytes in
            let message = try RPCMessage(bytes, maxDepth: 64)
            let meta = try #require(ModernRequest.legacyMeta(message, bytes, progressToken: 9))
            #expect(String(decoding: meta, as: UTF8.self) == #"{"progressToken":9,"traceparent":"t"}"#)
        }
    }

    @Test(arguments: [
        (#"{}"#, #""resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"g"}}"#),
        (
            #"{"content":[]}"#,
            #""resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"g"}},"#
        ), (#"{"_meta":{}}"#, #""resultType":"complete","#),
        (#"{"resultType":"input_required"}"#, nil),
    ]) func resultsGetWhatOlderServersLack(_ result: String, _ members: String?) throws {
        let text = #"{"jsonrpc":"2.0","id":1,"result":\#(result)}"#
        try Array(text.utf8).withUnsafeBytes { bytes in
            let message = try RPCMessage(bytes, maxDepth: 64)
            let missing = ModernRequest.missingMembers(
                .callTool, message, bytes, server: Array(#"{"name":"g"}"#.utf8))
            #expect(missing.map { String(decoding: $0, as: UTF8.self) } == members)
        }
    }
}
