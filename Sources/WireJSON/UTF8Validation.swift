/// Checks of UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing beyond U+10FFFF.
public enum UTF8Validation {
    /// The length of the sequence that starts at `p`; 0 if it is not valid or not whole.
    public static func sequenceLength(_ p: UnsafePointer<UInt8>, available: Int) -> Int {
        let first = p[0]
        switch first {
        case 0x00...0x7F:
            return 1
        case 0xC2...0xDF:
            return available >= 2 && isContinuation(p[1]) ? 2 : 0
        case 0xE0...0xEF:
            guard available >= 3, isContinuation(p[2]) else { return 0 }
            let low: UInt8 = first == 0xE0 ? 0xA0 : 0x80
            let high: UInt8 = first == 0xED ? 0x9F : 0xBF
            return p[1] >= low && p[1] <= high ? 3 : 0
        case 0xF0...0xF4:
            guard available >= 4, isContinuation(p[2]), isContinuation(p[3]) else { return 0 }
            let low: UInt8 = first == 0xF0 ? 0x90 : 0x80
            let high: UInt8 = first == 0xF4 ? 0x8F : 0xBF
            return p[1] >= low && p[1] <= high ? 4 : 0
        default:
            return 0
        }
    }

    /// Whether all of `bytes` is valid.
    public static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return true }
        var i = 0
        let count = bytes.count
        while i < count {
            while i &+ 8 <= count,
                UnsafeRawPointer(start + i).loadUnaligned(as: UInt64.self) & 0x8080_8080_8080_8080 == 0
            {
                i &+= 8
            }
            guard i < count else { break }
            let length = sequenceLength(start + i, available: count &- i)
            guard length > 0 else { return false }
            i &+= length
        }
        return true
    }

    @inline(__always)
    private static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }
}
