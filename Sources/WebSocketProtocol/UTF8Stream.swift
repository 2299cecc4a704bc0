/// Checks UTF-8 (RFC 3629) that arrives in pieces, and fails at the first byte that cannot be right any more
/// (RFC 6455 §8.1).
public struct UTF8Stream: Equatable, Sendable {
    /// Continuation bytes that are still to come.
    private var needed: UInt8 = 0
    /// The range in which the next continuation byte must lie.
    private var low: UInt8 = 0x80
    private var high: UInt8 = 0xBF

    public init() {}

    /// Whether the text so far ends at a character's end.
    public var isComplete: Bool { needed == 0 }

    /// Takes the next piece.
    /// - Returns: `false` if the text is not UTF-8.
    public mutating func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let start = bytes.baseAddress else { return true }
        let count = bytes.count
        var i = 0
        while i < count {
            if needed == 0 {
                while i &+ 8 <= count,
                    start.loadUnaligned(fromByteOffset: i, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
                {
                    i &+= 8
                }
                guard i < count else { break }
            }
            guard append(start.load(fromByteOffset: i, as: UInt8.self)) else { return false }
            i &+= 1
        }
        return true
    }

    @inline(__always)
    private mutating func append(_ byte: UInt8) -> Bool {
        if needed > 0 {
            guard byte >= low, byte <= high else { return false }
            needed -= 1
            low = 0x80
            high = 0xBF
            return true
        }
        switch byte {
        case 0x00...0x7F: return true
        case 0xC2...0xDF: needed = 1
        case 0xE0:
            needed = 2
            low = 0xA0
        case 0xE1...0xEC, 0xEE...0xEF: needed = 2
        case 0xED:
            needed = 2
            high = 0x9F
        case 0xF0:
            needed = 3
            low = 0x90
        case 0xF1...0xF3: needed = 3
        case 0xF4:
            needed = 3
            high = 0x8F
        default: return false
        }
        return true
    }
}
