/// A place inside the scanned bytes: what the scanner hands out in place of a tree.
public struct JSONSpan: Equatable, Sendable {
    /// Offset of the first byte.
    public var offset: Int
    /// Number of bytes. For strings the quotes are included.
    public var length: Int

    @inlinable
    public init(offset: Int, length: Int) {
        self.offset = offset
        self.length = length
    }

    /// Offset of the first byte behind the span.
    @inlinable
    public var end: Int { offset + length }
}

/// Why bytes are not the JSON that was expected.
public enum JSONError: Error, Equatable, Sendable {
    case unexpectedEnd
    case unexpectedByte(offset: Int)
    case invalidString(offset: Int)
    case invalidUTF8(offset: Int)
    case invalidNumber(offset: Int)
    case tooDeep(offset: Int)
    case trailingBytes(offset: Int)

    /// A sentence for the peer that sent the bytes.
    public var reason: String {
        switch self {
        case .unexpectedEnd: "the JSON text ends too early"
        case .unexpectedByte(let offset): "unexpected byte at offset \(offset)"
        case .invalidString(let offset): "invalid character or escape in the string at offset \(offset)"
        case .invalidUTF8(let offset): "invalid UTF-8 at offset \(offset)"
        case .invalidNumber(let offset): "invalid number at offset \(offset)"
        case .tooDeep(let offset): "nested too deeply at offset \(offset)"
        case .trailingBytes(let offset): "unexpected bytes after the value at offset \(offset)"
        }
    }
}

/// Walks over JSON text (RFC 8259) without building a tree: it checks structure, numbers, escapes and UTF-8, and hands
/// out spans of the members that the caller asked for. Everything else stays bytes.
///
/// The pointer must stay valid for as long as the scanner is used.
public struct JSONScanner {
    @usableFromInline let base: UnsafePointer<UInt8>
    /// Number of bytes to scan.
    public let count: Int
    /// Where the scanner stands.
    public private(set) var index: Int
    /// Whether a line feed or carriage return stood between tokens so far. Text with such line breaks cannot be written
    /// as one `data:` line of an event stream.
    public private(set) var sawLineBreak = false
    private let maxDepth: Int

    /// - Parameters:
    ///   - bytes: the text.
    ///   - maxDepth: how many arrays and objects may be open at once.
    public init(_ bytes: UnsafeRawBufferPointer, maxDepth: Int) {
        // An empty buffer may have no address; it is never read then, so that any pointer will do.
        let address = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 8)!
        base = address.assumingMemoryBound(to: UInt8.self)
        count = bytes.count
        index = 0
        self.maxDepth = maxDepth
    }

    // MARK: - Tokens

    /// The next byte that is not white space, without taking it.
    public mutating func peek() throws(JSONError) -> UInt8 {
        skipWhitespace()
        guard index < count else { throw .unexpectedEnd }
        return base[index]
    }

    /// Takes `byte`, after white space.
    public mutating func expect(_ byte: UInt8) throws(JSONError) {
        guard try peek() == byte else { throw .unexpectedByte(offset: index) }
        index += 1
    }

    /// Takes `byte` if it comes next.
    public mutating func take(_ byte: UInt8) throws(JSONError) -> Bool {
        guard try peek() == byte else { return false }
        index += 1
        return true
    }

    /// Makes sure that nothing but white space is left.
    public mutating func finish() throws(JSONError) {
        skipWhitespace()
        guard index == count else { throw .trailingBytes(offset: index) }
    }

    /// Opens an object. `false` if it is empty (and thus already closed).
    public mutating func beginObject() throws(JSONError) -> Bool {
        try expect(UInt8(ascii: "{"))
        return try !take(UInt8(ascii: "}"))
    }

    /// Takes a member's name and the colon.
    public mutating func key() throws(JSONError) -> JSONSpan {
        let span = try string()
        try expect(UInt8(ascii: ":"))
        return span
    }

    /// Behind a member: `true` if another follows, `false` if the object is closed.
    public mutating func nextMember() throws(JSONError) -> Bool {
        if try take(UInt8(ascii: ",")) { return true }
        try expect(UInt8(ascii: "}"))
        return false
    }

    /// Opens an array. `false` if it is empty (and thus already closed).
    public mutating func beginArray() throws(JSONError) -> Bool {
        try expect(UInt8(ascii: "["))
        return try !take(UInt8(ascii: "]"))
    }

    /// Behind an element: `true` if another follows, `false` if the array is closed.
    public mutating func nextElement() throws(JSONError) -> Bool {
        if try take(UInt8(ascii: ",")) { return true }
        try expect(UInt8(ascii: "]"))
        return false
    }

    /// Takes any value and checks all of it.
    public mutating func value() throws(JSONError) -> JSONSpan {
        try value(depth: 0)
    }

    /// Takes a string. The span includes the quotes.
    public mutating func string() throws(JSONError) -> JSONSpan {
        guard try peek() == UInt8(ascii: "\"") else { throw .unexpectedByte(offset: index) }
        let start = index
        try skipString()
        return JSONSpan(offset: start, length: index - start)
    }

    // MARK: - Values

    private mutating func value(depth: Int) throws(JSONError) -> JSONSpan {
        let first = try peek()
        let start = index
        switch first {
        case UInt8(ascii: "\""):
            try skipString()
        case UInt8(ascii: "{"):
            guard depth < maxDepth else { throw .tooDeep(offset: index) }
            if try beginObject() {
                repeat {
                    _ = try key()
                    _ = try value(depth: depth + 1)
                } while try nextMember()
            }
        case UInt8(ascii: "["):
            guard depth < maxDepth else { throw .tooDeep(offset: index) }
            if try beginArray() {
                repeat { _ = try value(depth: depth + 1) } while try nextElement()
            }
        case UInt8(ascii: "t"):
            try literal("true")
        case UInt8(ascii: "f"):
            try literal("false")
        case UInt8(ascii: "n"):
            try literal("null")
        default:
            try skipNumber()
        }
        return JSONSpan(offset: start, length: index - start)
    }

    @inline(__always)
    private mutating func skipWhitespace() {
        while index < count {
            let byte = base[index]
            // Most bytes that come here start a token.
            if byte > 0x20 { return }
            switch byte {
            case 0x20, 0x09: break
            case 0x0A, 0x0D: sawLineBreak = true
            default: return
            }
            index += 1
        }
    }

    private mutating func literal(_ text: StaticString) throws(JSONError) {
        let length = text.utf8CodeUnitCount
        guard index + length <= count else { throw .unexpectedEnd }
        for offset in 0..<length where base[index + offset] != text.utf8Start[offset] {
            throw .unexpectedByte(offset: index + offset)
        }
        index += length
    }

    private mutating func skipNumber() throws(JSONError) {
        let start = index
        if base[index] == UInt8(ascii: "-") { index += 1 }
        guard index < count else { throw .unexpectedEnd }
        switch base[index] {
        case UInt8(ascii: "0"): index += 1
        case UInt8(ascii: "1")...UInt8(ascii: "9"): skipDigits()
        default: throw index == start ? .unexpectedByte(offset: index) : .invalidNumber(offset: start)
        }
        if index < count, base[index] == UInt8(ascii: ".") {
            index += 1
            guard skipDigits() else { throw .invalidNumber(offset: start) }
        }
        if index < count, base[index] | 0x20 == UInt8(ascii: "e") {
            index += 1
            if index < count, base[index] == UInt8(ascii: "+") || base[index] == UInt8(ascii: "-") { index += 1 }
            guard skipDigits() else { throw .invalidNumber(offset: start) }
        }
    }

    @discardableResult
    private mutating func skipDigits() -> Bool {
        let start = index
        while index < count, base[index] &- UInt8(ascii: "0") <= 9 { index += 1 }
        return index > start
    }

    /// Takes the string that starts at `index`.
    private mutating func skipString() throws(JSONError) {
        let start = index
        var i = index + 1
        while true {
            // Eight bytes at a time, as long as none is a quote, a backslash, a control character or beyond ASCII.
            while i &+ 8 <= count {
                let word = UnsafeRawPointer(base + i).loadUnaligned(as: UInt64.self)
                if Self.needsCare(word) { break }
                i &+= 8
            }
            guard i < count else { throw .unexpectedEnd }
            let byte = base[i]
            switch byte {
            case UInt8(ascii: "\""):
                index = i + 1
                return
            case UInt8(ascii: "\\"):
                i = try escape(at: i, stringStart: start)
            case 0..<0x20:
                throw .invalidString(offset: start)
            case 0x20..<0x80:
                i &+= 1
            default:
                let length = UTF8Validation.sequenceLength(base + i, available: count - i)
                guard length > 0 else { throw .invalidUTF8(offset: i) }
                i &+= length
            }
        }
    }

    private func escape(at position: Int, stringStart: Int) throws(JSONError) -> Int {
        guard position + 1 < count else { throw .unexpectedEnd }
        switch base[position + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return position + 2
        case UInt8(ascii: "u"):
            guard position + 6 <= count else { throw .unexpectedEnd }
            for offset in 2..<6 where JSONText.hexValue(base[position + offset]) == nil {
                throw .invalidString(offset: stringStart)
            }
            return position + 6
        default:
            throw .invalidString(offset: stringStart)
        }
    }

    /// Whether any of the eight bytes is `"`, `\`, below 0x20 or above 0x7F.
    @inline(__always)
    private static func needsCare(_ word: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let high: UInt64 = 0x8080_8080_8080_8080
        let quote = word ^ (ones &* 0x22)
        let backslash = word ^ (ones &* 0x5C)
        // The classic zero-byte test: a false alarm is possible, a miss is not; an alarm only costs the slow path.
        let marks = ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash) | ((word &- ones &* 0x20) & ~word)
        return (marks | word) & high != 0
    }
}
