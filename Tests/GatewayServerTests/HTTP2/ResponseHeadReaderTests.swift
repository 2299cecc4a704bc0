import NIOCore
import NIOHTTP1
import Testing

@testable import GatewayServer

struct ResponseHeadReaderTests {
    private static let text =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\nX-Two:  a:b\r\n\r\n"

    @Test func `the head is taken, and what follows stays`() throws {
        var reader = ResponseHeadReader()
        var bytes = ByteBuffer(string: Self.text + "retry: 1\n\n")
        let found = reader.read(&bytes)
        let head = try #require(found)
        #expect(head.status == .ok && head.version == .http2)
        #expect(head.headers.map { "\($0.name)=\($0.value)" } == ["content-type=text/event-stream", "x-two=a:b"])
        #expect(String(buffer: bytes) == "retry: 1\n\n")
    }

    @Test func `every split gives the same`() throws {
        let all = Array((Self.text + "tail").utf8)
        for split in 0...all.count {
            var reader = ResponseHeadReader()
            var first = ByteBuffer(bytes: all[..<split])
            var second = ByteBuffer(bytes: all[split...])
            if let head = reader.read(&first) {
                #expect(head.headers.count == 2)
                #expect(String(buffer: first) + String(buffer: second) == "tail")
            } else {
                let found = reader.read(&second)
                let head = try #require(found)
                #expect(head.headers.count == 2 && head.status == .ok)
                #expect(String(buffer: second) == "tail")
            }
        }
    }

    @Test func `other statuses`() throws {
        var reader = ResponseHeadReader()
        var bytes = ByteBuffer(string: "HTTP/1.1 503 Refused\r\nretry-after: 3\r\n\r\n{}")
        let found = reader.read(&bytes)
        let head = try #require(found)
        #expect(head.status == .serviceUnavailable)
        #expect(head.headers["retry-after"] == ["3"])
    }
}
