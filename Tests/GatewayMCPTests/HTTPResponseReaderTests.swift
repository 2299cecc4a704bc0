import NIOCore
import Testing

@testable import GatewayMCP

struct HTTPResponseReaderTests {
    private struct Answer: Equatable {
        var status = 0
        var body = ""
        var isOver = false
    }

    /// Reads a text in pieces of a size; every cut must give the same.
    private func read(_ text: String, pieces: Int = .max) throws(HTTPResponseReader.Problem) -> [Answer] {
        var reader = HTTPResponseReader()
        var answers: [Answer] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let part = rest.prefix(pieces)
            rest = rest.dropFirst(part.count)
            reader.feed(ByteBuffer(bytes: part))
            while let piece = try reader.next() {
                switch piece {
                case .head(let head): answers.append(Answer(status: head.status))
                case .body(let bytes): answers[answers.count - 1].body += String(buffer: bytes)
                case .end: answers[answers.count - 1].isOver = true
                }
            }
        }
        return answers
    }

    @Test(arguments: [1, 2, 3, 7, 100, 10_000])
    func everyCutGivesTheSame(pieces: Int) throws {
        let text =
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello"
            + "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
            + "HTTP/1.1 404\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n00a\r\n0123456789\r\n0\r\nT: t\r\n\r\n"
            + "HTTP/1.0 200 OK\ncontent-length:0\n\n"
        #expect(
            try read(text, pieces: pieces) == [
                Answer(status: 200, body: "hello", isOver: true), Answer(status: 204, isOver: true),
                Answer(status: 404, body: "abc0123456789", isOver: true), Answer(status: 200, isOver: true),
            ])
    }

    @Test func theHeadIsReadWhateverItsCase() throws {
        var reader = HTTPResponseReader()
        reader.feed(
            ByteBuffer(
                string: "HTTP/1.1 200 OK\r\nCONTENT-TYPE:  Text/Event-Stream; charset=utf-8\r\nMcp-Session-Id: a-b \r\n"
                    + "Connection: close\r\n\r\nrest"))
        guard case .head(let head) = try reader.next() else {
            Issue.record("no head")
            return
        }
        #expect(head.contentType == "text/event-stream")
        #expect(head.sessionID == "a-b")
        #expect(!head.isKeptAlive)
        let body = try reader.next()
        #expect(body == .body(ByteBuffer(string: "rest")))
        // Without a length the body ends with the connection.
        let hasEnded = reader.finish()
        #expect(hasEnded)
    }

    @Test func aConnectionThatEndsInTheMiddleIsNoEnd() throws {
        var reader = HTTPResponseReader()
        reader.feed(ByteBuffer(string: "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"))
        while try reader.next() != nil {}
        let hasEnded = reader.finish()
        #expect(!hasEnded)
    }

    @Test(arguments: [
        "SSH-2.0-OpenSSH_9\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n", "HTTP/2 200 OK....\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nmcp-session-id: a b\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    ])
    func whatCannotBeReadIsRefused(text: String) {
        #expect(throws: HTTPResponseReader.Problem.self) { _ = try read(text) }
    }

    @Test func headsAreBounded() {
        #expect(throws: HTTPResponseReader.Problem.self) {
            _ = try read("HTTP/1.1 200 OK\r\nx: " + String(repeating: "y", count: 70_000), pieces: 4096)
        }
    }
}
