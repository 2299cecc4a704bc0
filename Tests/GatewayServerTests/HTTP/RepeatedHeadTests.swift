import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import GatewayServer

struct RepeatedHeadTests {
    /// What the parser makes of the first head in `text`.
    private func parsed(_ text: String) throws -> HTTPRequestHead? {
        let channel = EmbeddedChannel(handler: ByteToMessageHandler(HTTPRequestDecoder()))
        _ = try? channel.writeInbound(ByteBuffer(string: text))
        guard case .head(let head)? = try channel.readInbound(as: HTTPServerRequestPart.self) else { return nil }
        return head
    }

    private func remembered(_ text: String) throws -> RepeatedHead? {
        guard let head = try parsed(text) else { return nil }
        return Array(text.utf8).withUnsafeBytes { RepeatedHead($0, as: head) }
    }

    private func lengths(_ head: RepeatedHead, _ text: String) -> [Int]? {
        Array(text.utf8).withUnsafeBytes { head.match($0) }.map { [$0.headLength, $0.bodyLength] }
    }

    private func text(
        _ line: String = "POST /mcp?a=b HTTP/1.1", _ fields: [String] = ["Host: x", "Accept:\t a, b", "X-A:"],
        length: String = "Content-Length: 17", after: [String] = ["Connection: keep-alive"]
    ) -> String {
        ([line] + fields + [length] + after).map { $0 + "\r\n" }.joined() + "\r\n"
    }

    @Test func `the same head matches, whatever its body's length`() throws {
        let head = try #require(try remembered(text()))
        #expect(head.target.path == "/mcp")
        #expect(head.target["a"] == "b")
        #expect(lengths(head, text() + "body") == [text().utf8.count, 17])
        let other = text(length: "Content-Length: 1024")
        #expect(lengths(head, other) == [other.utf8.count, 1024])
        #expect(head.head(bodyLength: 17) == (try parsed(text())))
        #expect(head.head(bodyLength: 1024) == (try parsed(other)))
    }

    @Test func `what differs in any byte, or is not all there, does not match`() throws {
        let head = try #require(try remembered(text()))
        let bytes = Array(text().utf8)
        let length = bytes.firstRange(of: Array("17".utf8))?.lowerBound ?? 0
        for index in bytes.indices where index != length && index != length + 1 {
            var other = bytes
            other[index] ^= 1
            #expect(other.withUnsafeBytes(head.match) == nil, "byte \(index)")
        }
        for count in bytes.indices { #expect(bytes[..<count].withUnsafeBytes(head.match) == nil, "\(count) bytes") }
        for digits in ["", "x", "1x", "-1", "+1", "1234567890", " 1", "1 ", "1, 1"] {
            #expect(lengths(head, text(length: "Content-Length: " + digits) + "body") == nil, "\(digits)")
        }
    }

    @Test(arguments: [
        "Transfer-Encoding: chunked", "Upgrade: websocket", "Expect: 100-continue", "Connection: close",
        "connection: Upgrade", "Trailer: a", "TE: trailers", "content-length: 17",
    ])
    func `a request that is not plain is not remembered`(field: String) throws {
        #expect(try remembered(text(after: [field])) == nil)
    }

    @Test(arguments: ["GET /mcp HTTP/1.1", "POST /mcp HTTP/1.0", "DELETE /mcp HTTP/1.1"])
    func `neither is another method or version`(line: String) throws { #expect(try remembered(text(line)) == nil) }

    @Test func `neither is one without a length, or with a long head`() throws {
        #expect(try remembered(text(length: "X-B: 1")) == nil)
        #expect(try remembered(text(after: ["X-C: " + String(repeating: "c", count: RepeatedHead.maxBytes)])) == nil)
    }

    @Test func `bytes of which the parser made something else are not remembered`() throws {
        let bytes = Array(text().utf8)
        let head = try #require(try parsed(text()))
        func isRemembered(_ change: (inout HTTPRequestHead) -> Void) -> Bool {
            var other = head
            change(&other)
            return bytes.withUnsafeBytes { RepeatedHead($0, as: other) } != nil
        }
        #expect(isRemembered { _ in })
        #expect(!isRemembered { $0.uri = "/mcp" })
        #expect(!isRemembered { $0.method = .PUT })
        #expect(!isRemembered { $0.headers.add(name: "x-b", value: "1") })
        #expect(!isRemembered { $0.headers.remove(name: "x-a") })
        #expect(!isRemembered { $0.headers.replaceOrAdd(name: "host", value: "y") })
        // What stood before these bytes has become part of them.
        #expect(Array(("x" + text()).utf8).withUnsafeBytes { RepeatedHead($0, as: head) } == nil)
    }
}
