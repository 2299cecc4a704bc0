import NIOCore
import NIOHTTP1

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The head of a request whose sender says the same again and again: HTTP/1.1 with a body of a stated length, on a
/// connection that goes on. Calls over one connection have heads that differ in their `Content-Length` at most, so that
/// comparing bytes does for parsing them.
///
/// It is made only of bytes that were read twice, by the parser and here, with the same result: what is recognised
/// later means what the parser made of it (RFC 9112 §11.2, request smuggling lives on parsers that disagree).
struct RepeatedHead {
    let target: RequestTarget
    private let head: HTTPRequestHead
    /// The head up to the digits of `Content-Length`, and from behind them to the end of the empty line.
    private let beginning: [UInt8]
    private let end: [UInt8]
    private let bodyLength: Int

    /// The most bytes that are kept of a connection's last head.
    static let maxBytes = 2048

    /// Bytes that begin with a remembered head.
    struct Match {
        let headLength: Int
        let bodyLength: Int
    }

    /// - Parameters:
    ///   - bytes: a read that begins with a head.
    ///   - head: what the parser made of it.
    /// - Returns: `nil` if it is not plain, if it is long, or if the two do not agree.
    init?(_ bytes: UnsafeRawBufferPointer, as head: HTTPRequestHead) {
        guard head.version == .http1_1, head.method == .POST else { return nil }
        var lines = HeadLines(bytes: UnsafeRawBufferPointer(rebasing: bytes.prefix(Self.maxBytes)))
        guard let first = lines.next(), first.elementsEqual("POST \(head.uri) HTTP/1.1".utf8) else { return nil }
        var digits: Range<Int>?
        var fields = head.headers.makeIterator()
        while let line = lines.next() {
            guard !line.isEmpty else { break }
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")), let (name, value) = fields.next() else {
                return nil
            }
            let content = Self.trimmed(line[(colon + 1)...])
            guard line[..<colon].elementsEqual(name.utf8), content.elementsEqual(value.utf8) else { return nil }
            switch name.lowercased() {
            case "transfer-encoding", "upgrade", "expect", "trailer", "te": return nil
            case "connection": guard value.lowercased() == "keep-alive" else { return nil }
            case "content-length":
                guard digits == nil, (1...9).contains(content.count),
                    content.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
                else { return nil }
                digits = content.startIndex..<content.endIndex
            default: break
            }
        }
        guard lines.isAtEnd, fields.next() == nil, let digits, let length = head.headers.first(name: "content-length")
        else { return nil }
        bodyLength = Int(length) ?? 0
        beginning = Array(bytes[..<digits.lowerBound])
        end = Array(bytes[digits.upperBound..<lines.position])
        target = RequestTarget(head.uri)
        self.head = head
    }

    private static func trimmed(_ value: Slice<UnsafeRawBufferPointer>) -> Slice<UnsafeRawBufferPointer> {
        func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        var value = value.drop(while: isBlank)
        while let last = value.last, isBlank(last) { value.removeLast() }
        return value
    }

    /// Whether `bytes` begin with this head, but for the length of the body.
    func match(_ bytes: UnsafeRawBufferPointer) -> Match? {
        guard bytes.count > beginning.count + end.count, bytes.starts(withBytesOf: beginning, at: 0) else { return nil }
        var position = beginning.count
        var length = 0
        while position < bytes.count, case let digit = bytes[position] &- UInt8(ascii: "0"), digit < 10 {
            length = length * 10 + Int(digit)
            position += 1
            guard position - beginning.count <= 9 else { return nil }
        }
        guard position > beginning.count, bytes.starts(withBytesOf: end, at: position) else { return nil }
        return Match(headLength: position + end.count, bodyLength: length)
    }

    /// The head of a request that matched.
    func head(bodyLength: Int) -> HTTPRequestHead {
        guard bodyLength != self.bodyLength else { return head }
        var other = head
        other.headers.replaceOrAdd(name: "content-length", value: String(bodyLength))
        return other
    }
}

/// The lines of a head, which end with CRLF and have no other control characters but tabs.
private struct HeadLines {
    let bytes: UnsafeRawBufferPointer
    private(set) var position = 0
    /// Whether the empty line behind the fields has been read.
    private(set) var isAtEnd = false

    init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The next line without its end; `nil` behind the empty one, and where the bytes are not plain.
    mutating func next() -> Slice<UnsafeRawBufferPointer>? {
        guard !isAtEnd else { return nil }
        var end = position
        while end < bytes.count, bytes[end] >= 0x20 && bytes[end] != 0x7F || bytes[end] == UInt8(ascii: "\t") {
            end += 1
        }
        guard end + 1 < bytes.count, bytes[end] == UInt8(ascii: "\r"), bytes[end + 1] == UInt8(ascii: "\n") else {
            return nil
        }
        defer { position = end + 2 }
        isAtEnd = end == position
        return bytes[position..<end]
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func starts(withBytesOf other: [UInt8], at position: Int) -> Bool {
        guard let start = baseAddress, count - position >= other.count else { return false }
        return other.withUnsafeBytes { $0.baseAddress.map { memcmp($0, start + position, other.count) } ?? 0 } == 0
    }
}
