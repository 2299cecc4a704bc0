import Testing

@testable import GatewayServer

struct RequestTargetTests {
    @Test(
        "the path ends at the first question mark or hash",
        arguments: [
            ("/mcp/sse", "/mcp/sse"), ("/mcp/sse?client_id=a", "/mcp/sse"), ("/a?b?c", "/a"), ("/a#b", "/a"),
            ("/a#b?c=d", "/a"), ("?x=1", ""), ("", ""), ("/a%20b", "/a%20b"), ("/a+b", "/a+b"), ("*", "*"),
        ])
    func path(uri: String, path: String) {
        #expect(RequestTarget(uri).path == path)
    }

    @Test(
        "a parameter's value is decoded",
        arguments: [
            ("/?a=b", "b"), ("/?a=", ""), ("/?a", ""), ("/?a=b=c", "b=c"), ("/?a=b?c", "b?c"), ("/?a=b/c", "b/c"),
            ("/?a=b+c", "b c"), ("/?a=b%2Bc", "b+c"), ("/?a=b%2bc", "b+c"), ("/?a=%20", " "), ("/?a=%26b%3D", "&b="),
            ("/?a=%C3%A9", "é"), ("/?a=é", "é"), ("/?a=%F0%9F%98%80", "😀"), ("/?a=%00", "\0"), ("/?a=%2525", "%25"),
            ("/?x=1&a=2", "2"), ("/?&&a=2&", "2"), ("/?%61=2", "2"), ("/?a=b#c", "b"), ("/?a=b%23c", "b#c"),
        ])
    func value(uri: String, value: String) {
        #expect(RequestTarget(uri)["a"] == value)
    }

    @Test(
        "what is no escape stays as it is",
        arguments: [
            ("/?a=%", "%"), ("/?a=%2", "%2"), ("/?a=100%", "100%"), ("/?a=%zz", "%zz"), ("/?a=%2z", "%2z"),
            ("/?a=%+1", "% 1"), ("/?a=%-1", "%-1"), ("/?a=%1+", "%1 "), ("/?a=%%41", "%A"), ("/?a=%4%31", "%41"),
        ])
    func noEscape(uri: String, value: String) {
        #expect(RequestTarget(uri)["a"] == value)
    }

    @Test(
        "bytes that are not UTF-8 become U+FFFD",
        arguments: [("/?a=%FF", "\u{FFFD}"), ("/?a=b%C3", "b\u{FFFD}"), ("/?a=%80b", "\u{FFFD}b")])
    func notUTF8(uri: String, value: String) {
        #expect(RequestTarget(uri)["a"] == value)
    }

    @Test(
        "an absent parameter is not an empty one",
        arguments: ["/", "/?", "/?b=1", "/?aa=1", "/?A=1", "/?=a", "/#?a=1", "/?b#&a=1", "/?b=a=1"])
    func absent(uri: String) {
        #expect(RequestTarget(uri)["a"] == nil)
    }

    @Test func `of a repeated parameter the first value counts`() {
        #expect(RequestTarget("/?a=1&a=2&a")["a"] == "1")
        #expect(RequestTarget("/?a&a=2")["a"] == "")
    }

    @Test func `every text survives percent encoding`() {
        var random = SeededGenerator(1)
        for _ in 0..<500 {
            let text = String((0..<random.below(12)).map { _ in random.pick(Array("aZ09 +%&=#?/é€😀\n\0\u{7F}")) })
            let encoded = text.utf8.map { byte in
                random.oneIn(2) && byte > 0x2F && byte < 0x7F && !"&=#?".utf8.contains(byte)
                    ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }.joined()
            #expect(RequestTarget("/x?b=1&a=\(encoded)&c=2")["a"] == text, "\(encoded)")
        }
    }
}
