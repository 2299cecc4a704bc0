import WireJSON

/// What a client posts to a long-poll session: one message, or a batch with a message on each line
/// (`application/x-ndjson`), where text starts like JSON and everything else is a binary frame in base64.
public enum LongPollBody {
    /// A message, as a WebSocket would have brought it.
    public enum Message: Equatable, Sendable {
        /// A range of the body's bytes.
        case text(Range<Int>)
        case binary([UInt8])
    }

    /// Why a body cannot be taken. Nothing of it is.
    public enum Refusal: Error, Equatable, Sendable {
        case empty
        case tooMany
        case tooLarge
        /// A line that starts neither like JSON nor is base64; counted from 1.
        case notBase64(line: Int)
    }

    /// The messages of a body. Any bytes may be given.
    /// - Parameters:
    ///   - isBatch: whether each line is a message.
    ///   - maxMessages: messages at the most.
    ///   - maxSize: bytes of one message at the most.
    public static func messages(
        _ body: UnsafeRawBufferPointer, isBatch: Bool, maxMessages: Int, maxSize: Int
    ) throws(Refusal) -> [Message] {
        guard !body.isEmpty else { throw .empty }
        guard isBatch else {
            guard body.count <= maxSize else { throw .tooLarge }
            return [.text(0..<body.count)]
        }
        var messages: [Message] = []
        var start = 0
        var line = 0
        while start < body.count {
            line += 1
            let newline = body[start...].firstIndex(of: 0x0A) ?? body.count
            var end = newline
            if end > start, body[end - 1] == 0x0D { end -= 1 }
            defer { start = newline + 1 }
            // The line behind the last line break.
            guard end > start else { continue }
            guard messages.count < maxMessages else { throw .tooMany }
            // V1 has objects where V2 has arrays; neither is a character of base64.
            if body[start] == UInt8(ascii: "[") || body[start] == UInt8(ascii: "{") {
                guard end - start <= maxSize else { throw .tooLarge }
                messages.append(.text(start..<end))
            } else {
                guard (end - start) / 4 * 3 <= maxSize else { throw .tooLarge }
                guard let bytes = Base64.decode(body[start..<end]) else { throw .notBase64(line: line) }
                messages.append(.binary(bytes))
            }
        }
        guard !messages.isEmpty else { throw .empty }
        return messages
    }
}
