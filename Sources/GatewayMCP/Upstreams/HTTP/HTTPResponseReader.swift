import NIOCore

/// Reads answers of HTTP/1.1 servers in any pieces: of the head what a client of MCP needs, the body as it comes.
struct HTTPResponseReader {
    struct Head: Equatable {
        var status = 0
        /// The media type in lower case, without parameters.
        var contentType = ""
        var sessionID: String?
        /// Whether the connection may carry another request.
        var isKeptAlive = true
        fileprivate var length: Int?
        fileprivate var isChunked = false
    }

    enum Piece: Equatable {
        case head(Head)
        case body(ByteBuffer)
        case end
    }

    /// What makes an answer unreadable; the connection is of no more use.
    struct Problem: Error, Equatable {
        let reason: String
    }

    private enum Phase: Equatable {
        /// Can transition to: fixed, chunkSize, untilClose, head.
        case head
        case fixed(Int)
        /// Can transition to: chunk, trailers.
        case chunkSize
        /// Can transition to: chunkEnd.
        case chunk(Int)
        /// Can transition to: chunkSize.
        case chunkEnd
        /// Can transition to: head.
        case trailers
        /// Without a length the body ends with the connection.
        case untilClose
    }

    /// Bytes of a head, of trailers, of the line before a chunk.
    static let maximumHeadBytes = 65_536
    private static let maximumLineBytes = 8_192

    private var buffer = ByteBuffer()
    private var phase = Phase.head
    private var owesEnd = false
    private var bytesOfTrailers = 0

    /// Whether no answer has begun.
    var isIdle: Bool { phase == .head && !owesEnd && buffer.readableBytes == 0 }

    /// More bytes have come; take the pieces with `next`.
    mutating func feed(_ bytes: ByteBuffer) {
        if buffer.readableBytes == 0 {
            buffer = bytes
        } else {
            var bytes = bytes
            buffer.writeBuffer(&bytes)
        }
    }

    /// The next piece, or nil until more bytes come.
    mutating func next() throws(Problem) -> Piece? {
        while true {
            if owesEnd {
                owesEnd = false
                phase = .head
                // Nothing of an answer that is over keeps the room that it was read into.
                if buffer.readableBytes == 0 { buffer = ByteBuffer() }
                return .end
            }
            switch phase {
            case .head:
                guard let head = try readHead() else { return nil }
                // 1xx announce the answer, and are none.
                guard head.status >= 200 else { continue }
                return .head(head)
            case .fixed(let left):
                guard let piece = take(upTo: left) else { return nil }
                advance(.fixed(left - piece.readableBytes))
                return .body(piece)
            case .chunkSize:
                guard let size = try readChunkSize() else { return nil }
                phase = size == 0 ? .trailers : .chunk(size)
                bytesOfTrailers = 0
            case .chunk(let left):
                guard let piece = take(upTo: left) else { return nil }
                phase = left == piece.readableBytes ? .chunkEnd : .chunk(left - piece.readableBytes)
                return .body(piece)
            case .chunkEnd:
                guard let line = try readLine() else { return nil }
                guard line.readableBytes == 0 else { throw Problem(reason: "a chunk is longer than it says") }
                phase = .chunkSize
            case .trailers:
                guard let line = try readLine() else { return nil }
                bytesOfTrailers += line.readableBytes
                guard bytesOfTrailers <= Self.maximumHeadBytes else {
                    throw Problem(reason: "its trailers are too long")
                }
                if line.readableBytes == 0 { owesEnd = true }
            case .untilClose:
                guard let piece = take(upTo: .max) else { return nil }
                return .body(piece)
            }
        }
    }

    /// The connection has ended. Whether the answer ended with it as it should.
    mutating func finish() -> Bool {
        defer { phase = .head }
        return phase == .untilClose
    }

    private mutating func advance(_ next: Phase) {
        phase = next
        if next == .fixed(0) { owesEnd = true }
    }

    private mutating func take(upTo count: Int) -> ByteBuffer? {
        guard buffer.readableBytes > 0 else {
            buffer = ByteBuffer()
            return nil
        }
        return buffer.readSlice(length: min(count, buffer.readableBytes))
    }

    private mutating func readLine() throws(Problem) -> ByteBuffer? {
        guard let end = buffer.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) else {
            guard buffer.readableBytes <= Self.maximumLineBytes else { throw Problem(reason: "a line is too long") }
            return nil
        }
        var line = buffer.readSlice(length: end - buffer.readerIndex) ?? ByteBuffer()
        buffer.moveReaderIndex(forwardBy: 1)
        if line.readableBytesView.last == UInt8(ascii: "\r") { line.moveWriterIndex(to: line.writerIndex - 1) }
        return line
    }

    private mutating func readChunkSize() throws(Problem) -> Int? {
        guard let line = try readLine() else { return nil }
        var size = 0
        var digits = 0
        for byte in line.readableBytesView {
            guard let digit = Self.hexDigit(byte) else {
                guard digits > 0, byte == UInt8(ascii: ";") || byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
                else { throw Problem(reason: "the size of a chunk is no number") }
                break
            }
            digits += 1
            size = size << 4 | digit
            guard digits <= 15 else { throw Problem(reason: "the size of a chunk is too large") }
        }
        guard digits > 0 else { throw Problem(reason: "the size of a chunk is missing") }
        return size
    }

    private static func hexDigit(_ byte: UInt8) -> Int? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte) - 48
        case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(byte) - 87
        case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(byte) - 55
        default: nil
        }
    }

    // MARK: - Head

    private mutating func readHead() throws(Problem) -> Head? {
        guard buffer.readableBytes > 0 else { return nil }
        var problem: Problem?
        let read = buffer.withUnsafeReadableBytes { bytes -> (Head, Int)? in
            do throws(Problem) {
                return try Self.head(bytes)
            } catch {
                problem = error
                return nil
            }
        }
        if let problem { throw problem }
        guard let (head, length) = read else {
            guard buffer.readableBytes <= Self.maximumHeadBytes else { throw Problem(reason: "its head is too long") }
            return nil
        }
        buffer.moveReaderIndex(forwardBy: length)
        if head.status < 200 {
            guard head.status != 101 else { throw Problem(reason: "it changed the protocol") }
        } else if head.status == 204 || head.status == 304 {
            phase = .fixed(0)
            owesEnd = true
        } else if head.isChunked {
            phase = .chunkSize
        } else if let length = head.length {
            advance(.fixed(length))
        } else {
            phase = .untilClose
        }
        return head
    }

    /// The head at the beginning of `bytes`, and where it ends; nil if not all of it is there.
    private static func head(_ bytes: UnsafeRawBufferPointer) throws(Problem) -> (Head, Int)? {
        var head = Head()
        var position = 0
        var isFirst = true
        while true {
            guard let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) else { return nil }
            var stop = end
            if stop > position, bytes[stop - 1] == UInt8(ascii: "\r") { stop -= 1 }
            let line = UnsafeRawBufferPointer(rebasing: bytes[position..<stop])
            position = end + 1
            if isFirst {
                try readStatus(line, &head)
                isFirst = false
            } else if line.isEmpty {
                return (head, position)
            } else {
                try readField(line, &head)
            }
        }
    }

    private static func readStatus(_ line: UnsafeRawBufferPointer, _ head: inout Head) throws(Problem) {
        guard line.count >= 12, line.starts(with: "HTTP/1.".utf8), line[8] == UInt8(ascii: " "),
            line.count == 12 || line[12] == UInt8(ascii: " ")
        else { throw Problem(reason: "its answer is not HTTP/1.1") }
        for byte in line[9..<12] {
            guard byte >= 48, byte <= 57 else { throw Problem(reason: "its status is no number") }
            head.status = head.status * 10 + Int(byte) - 48
        }
        guard head.status >= 100 else { throw Problem(reason: "its status is no number") }
        head.isKeptAlive = line[7] != UInt8(ascii: "0")
    }

    private static func readField(_ line: UnsafeRawBufferPointer, _ head: inout Head) throws(Problem) {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0 else {
            throw Problem(reason: "a header has no name")
        }
        // What matters has names of these lengths: the others are passed over without a look.
        switch colon {
        case 10 where isName(line, "connection"):
            let value = text(line, colon).lowercased()
            if value.contains("close") {
                head.isKeptAlive = false
            } else if value.contains("keep-alive") {
                head.isKeptAlive = true
            }
        case 12 where isName(line, "content-type"):
            head.contentType = mediaType(line, colon)
        case 14 where isName(line, "content-length"):
            let value = text(line, colon)
            guard !value.isEmpty, value.utf8.count <= 18, value.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }),
                let length = Int(value), head.length == nil || head.length == length
            else { throw Problem(reason: "its Content-Length is no number") }
            head.length = length
        case 14 where isName(line, "mcp-session-id"):
            let value = text(line, colon)
            guard value.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), !value.isEmpty else {
                throw Problem(reason: "its Mcp-Session-Id is not visible ASCII")
            }
            head.sessionID = value
        case 17 where isName(line, "transfer-encoding"):
            guard text(line, colon).lowercased() == "chunked" else {
                throw Problem(reason: "its Transfer-Encoding is unknown")
            }
            head.isChunked = true
        default: break
        }
    }

    /// - Parameter name: in lower case, of the same length.
    private static func isName(_ line: UnsafeRawBufferPointer, _ name: StaticString) -> Bool {
        let known = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        // The names hold letters and hyphens only, which this bit does not change otherwise.
        return zip(line, known).allSatisfy { $0 | 0x20 == $1 }
    }

    private static func mediaType(_ line: UnsafeRawBufferPointer, _ colon: Int) -> String {
        // What nearly all answers are.
        switch line.count - colon - 2 {
        case 16 where isName(UnsafeRawBufferPointer(rebasing: line.suffix(16)), "application/json"):
            return "application/json"
        case 17 where isName(UnsafeRawBufferPointer(rebasing: line.suffix(17)), "text/event-stream"):
            return "text/event-stream"
        default: break
        }
        return String(text(line, colon).prefix { $0 != ";" && $0 != " " }).lowercased()
    }

    private static func text(_ line: UnsafeRawBufferPointer, _ colon: Int) -> String {
        var start = colon + 1
        var end = line.count
        while start < end, line[start] == 0x20 || line[start] == 0x09 { start += 1 }
        while end > start, line[end - 1] == 0x20 || line[end - 1] == 0x09 { end -= 1 }
        return String(decoding: line[start..<end], as: UTF8.self)
    }
}
