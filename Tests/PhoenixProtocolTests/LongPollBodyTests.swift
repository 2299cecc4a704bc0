import Testing

@testable import PhoenixProtocol

@Suite struct LongPollBodyTests {
    private enum Message: Equatable {
        case text(String)
        case binary([UInt8])
    }

    private func read(
        _ body: String, isBatch: Bool = true, maxMessages: Int = 100, maxSize: Int = 1000
    ) throws(LongPollBody.Refusal) -> [Message] {
        let bytes = Array(body.utf8)
        let result = bytes.withUnsafeBytes { raw in
            Result { () throws(LongPollBody.Refusal) in
                try LongPollBody.messages(raw, isBatch: isBatch, maxMessages: maxMessages, maxSize: maxSize)
            }
        }
        return try result.get().map { message in
            switch message {
            case .text(let range): .text(String(decoding: bytes[range], as: UTF8.self))
            case .binary(let bytes): .binary(bytes)
            }
        }
    }

    private func refusal(
        _ body: String, isBatch: Bool = true, maxMessages: Int = 100, maxSize: Int = 1000
    ) -> LongPollBody.Refusal? {
        do throws(LongPollBody.Refusal) {
            _ = try read(body, isBatch: isBatch, maxMessages: maxMessages, maxSize: maxSize)
            return nil
        } catch {
            return error
        }
    }

    @Test func aLineIsAMessage() throws {
        #expect(try read("[1]\n[2]") == [.text("[1]"), .text("[2]")])
        #expect(try read("[1]\r\n{}\r\n") == [.text("[1]"), .text("{}")])
        #expect(try read("\n\n[1]\n\n") == [.text("[1]")])
        #expect(try read("AQID\n[1]\nAA==") == [.binary([1, 2, 3]), .text("[1]"), .binary([0])])
    }

    @Test func withoutTheMediaTypeTheBodyIsOneMessage() throws {
        #expect(try read("[1,\n2]", isBatch: false) == [.text("[1,\n2]")])
        #expect(try read("AQID", isBatch: false) == [.text("AQID")])
    }

    @Test func whatIsNeitherJSONNorBase64NamesItsLine() {
        #expect(refusal("[1]\n\n?") == .notBase64(line: 3))
        #expect(refusal("AQI") == nil, "padding may be missing")
        #expect(refusal("AQIDA") == .notBase64(line: 1))
    }

    @Test func theBoundsHoldAtTheirEdges() {
        for isBatch in [true, false] { #expect(refusal("", isBatch: isBatch) == .empty) }
        #expect(refusal("\r\n\n") == .empty)
        #expect(refusal("[]\n[]\n[]", maxMessages: 3) == nil)
        #expect(refusal("[]\n[]\n[]\n[]", maxMessages: 3) == .tooMany)
        for isBatch in [true, false] {
            #expect(refusal("[1,2]", isBatch: isBatch, maxSize: 5) == nil)
            #expect(refusal("[1,2]", isBatch: isBatch, maxSize: 4) == .tooLarge)
        }
        #expect(refusal("AQIDBAUG", maxSize: 6) == nil)
        #expect(refusal("AQIDBAUG", maxSize: 5) == .tooLarge)
    }

    /// Whatever the bytes are, texts lie inside the body, in order, apart from each other.
    @Test(arguments: 0..<200)
    func anyBytesAreReadOrRefused(seed: Int) {
        var random = SeededGenerator(seed)
        let alphabet = Array("[{A=\n\r\u{FF}z".utf8)
        let bytes = (0..<random.below(60)).map { _ in random.pick(alphabet) }
        bytes.withUnsafeBytes { raw in
            guard let messages = try? LongPollBody.messages(raw, isBatch: true, maxMessages: 10, maxSize: 20) else {
                return
            }
            var end = 0
            for case .text(let range) in messages {
                #expect(range.lowerBound >= end && range.upperBound <= bytes.count && range.count <= 20)
                #expect(!bytes[range].contains(0x0A))
                end = range.upperBound
            }
            #expect(messages.count <= 10)
        }
    }
}
