import NIOCore

/// What a server wrote to its standard output that is not a message.
public enum ProcessJunk: Equatable, Sendable {
    /// A line that cannot be a JSON message: its beginning.
    case notAMessage(ByteBuffer)
    /// A line above the bound, which was thrown away: how many bytes it had.
    case tooLong(bytes: Int)
    /// The output ended in the middle of a line: the beginning of what there was, and how many bytes.
    case unfinished(ByteBuffer, bytes: Int)
}

/// Cuts a stream of bytes into lines, each of which should be a JSON message. A line above the bound is not kept, however
/// long it goes on.
public struct LineDecoder: Sendable {
    public enum Piece: Equatable, Sendable {
        /// A line without its end: `{…}` or `[…]` as far as its first byte tells.
        case line(ByteBuffer)
        case junk(ProcessJunk)
    }

    /// How much of junk is shown.
    public static let excerpt = 256

    private let maximumLength: Int
    private let onlyMessages: Bool
    /// A line that has begun.
    private var partial = ByteBuffer()
    /// Above 0 while a line that is too long goes on: what it had so far.
    private var discarded = 0
    private var input = ByteBuffer()

    /// - Parameters:
    ///   - maximumLength: of a line, without its end.
    ///   - onlyMessages: whether a line that is not a JSON object or array is junk.
    public init(maximumLength: Int, onlyMessages: Bool = true) {
        self.maximumLength = maximumLength
        self.onlyMessages = onlyMessages
    }

    /// How many bytes of a line that has begun are kept.
    var keptBytes: Int { partial.readableBytes }

    /// More bytes have come; take the pieces with `next`.
    public mutating func feed(_ bytes: ByteBuffer) {
        precondition(input.readableBytes == 0, "Take all pieces before the next bytes")
        input = bytes
    }

    /// The next piece, or nil until more bytes come.
    public mutating func next() -> Piece? {
        while input.readableBytes > 0 {
            guard let end = input.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) else {
                keep()
                return nil
            }
            let length = end - input.readerIndex
            var line = input.readSlice(length: length) ?? ByteBuffer()
            input.moveReaderIndex(forwardBy: 1)
            if discarded > 0 || partial.readableBytes + length > maximumLength {
                let bytes = discarded + partial.readableBytes + length
                discarded = 0
                partial = ByteBuffer()
                return .junk(.tooLong(bytes: bytes))
            }
            if partial.readableBytes > 0 {
                partial.writeBuffer(&line)
                line = partial
                partial = ByteBuffer()
            }
            if let piece = judge(line) { return piece }
        }
        input = ByteBuffer()
        return nil
    }

    /// The stream has ended.
    public mutating func finish() -> Piece? {
        defer {
            partial = ByteBuffer()
            discarded = 0
        }
        if discarded > 0 { return .junk(.tooLong(bytes: discarded)) }
        guard partial.readableBytes > 0 else { return nil }
        return .junk(.unfinished(Self.beginning(of: partial), bytes: partial.readableBytes))
    }

    private mutating func keep() {
        if discarded > 0 || partial.readableBytes + input.readableBytes > maximumLength {
            discarded += partial.readableBytes + input.readableBytes
            partial = ByteBuffer()
        } else {
            partial.writeBuffer(&input)
        }
        // What was read is not held on to.
        input = ByteBuffer()
    }

    private func judge(_ line: ByteBuffer) -> Piece? {
        var line = line
        if line.readableBytesView.last == UInt8(ascii: "\r") {
            line.moveWriterIndex(to: line.writerIndex - 1)
        }
        let isBlank: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        guard let first = line.readableBytesView.first(where: { !isBlank($0) }) else { return nil }
        if onlyMessages, first != UInt8(ascii: "{"), first != UInt8(ascii: "[") {
            return .junk(.notAMessage(Self.beginning(of: line)))
        }
        return .line(line)
    }

    /// A copy, so that an excerpt does not hold on to all of it.
    private static func beginning(of buffer: ByteBuffer) -> ByteBuffer {
        ByteBuffer(bytes: buffer.readableBytesView.prefix(excerpt))
    }
}
