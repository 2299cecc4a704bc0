import NIOCore
import Testing

@testable import GatewayMCP

/// What a session keeps of its streams.
struct SessionLogTests {
    private func message(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

    @Test func aStreamGoesOnWhereItBroke() {
        var log = SessionLog(maxMessages: 10, maxBytes: 10_000)
        _ = log.append(nil, stream: 1)
        _ = log.append(message("a"), stream: 1)
        _ = log.append(message("other"), stream: 2)
        _ = log.append(message("b"), stream: 1)
        let missed = log.events(of: 1, after: 0)?.map { String(buffer: $0) }
        #expect(missed == ["id: 1-1\nevent: message\ndata: a\n\n", "id: 1-2\nevent: message\ndata: b\n\n"])
        #expect(log.events(of: 1, after: 2)?.isEmpty == true)
        #expect(log.events(of: 1, after: 3) == nil, "a place that has not come yet")
        #expect(log.events(of: 9, after: 0) == nil)
    }

    @Test func whatIsNotWholeIsNotGiven() {
        var log = SessionLog(maxMessages: 3, maxBytes: 10_000)
        for _ in 0..<5 { _ = log.append(message("x"), stream: 1) }
        #expect(log.events(of: 1, after: 0) == nil)
        #expect(log.events(of: 1, after: 1)?.count == 3)
    }

    @Test func anotherStreamsLossIsNotOnesOwn() {
        var log = SessionLog(maxMessages: 3, maxBytes: 10_000)
        _ = log.append(message("x"), stream: 0)
        for _ in 0..<5 { _ = log.append(message("x"), stream: 1) }
        #expect(log.events(of: 0, after: 0)?.isEmpty == true)
    }

    @Test func bytesAreBounded() {
        var log = SessionLog(maxMessages: 1000, maxBytes: 500)
        for _ in 0..<100 { _ = log.append(message(String(repeating: "x", count: 100)), stream: 0) }
        #expect(log.events(of: 0, after: 90) == nil)
        #expect(log.events(of: 0, after: 98)?.count == 1)
    }

    @Test func streamsThatHaveEndedAreForgotten() {
        var log = SessionLog(maxMessages: 5, maxBytes: 10_000)
        for stream in 1...1000 {
            _ = log.append(message("x"), stream: stream)
            log.end(stream)
        }
        #expect(log.knownStreams == 5)
    }

    @Test(arguments: ["", "1", "-", "1-", "-1-2", "a-b", "1--2"]) func whatIsNoPlace(_ id: String) {
        #expect(SessionLog.place(id) == nil)
    }
}
