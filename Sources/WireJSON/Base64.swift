/// Base64 with the standard alphabet (RFC 4648 §4): how binary payloads travel where only JSON text can.
public enum Base64 {
    /// Number of characters for `count` bytes, with padding.
    @inlinable
    public static func encodedCount(_ count: Int) -> Int { (count + 2) / 3 * 4 }

    /// Appends the written form of `bytes`, with padding.
    public static func append(_ bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        output.reserveCapacity(output.count + encodedCount(bytes.count))
        var index = 0
        while index + 2 < bytes.count {
            let group = UInt32(bytes[index]) << 16 | UInt32(bytes[index + 1]) << 8 | UInt32(bytes[index + 2])
            output.append(character(group >> 18))
            output.append(character(group >> 12))
            output.append(character(group >> 6))
            output.append(character(group))
            index += 3
        }
        let rest = bytes.count - index
        guard rest > 0 else { return }
        let group = UInt32(bytes[index]) << 16 | (rest == 2 ? UInt32(bytes[index + 1]) << 8 : 0)
        output.append(character(group >> 18))
        output.append(character(group >> 12))
        output.append(rest == 2 ? character(group >> 6) : UInt8(ascii: "="))
        output.append(UInt8(ascii: "="))
    }

    /// Reads a written form, with or without its padding.
    /// - Returns: `nil` if it has other characters, an impossible length, or bits that belong to no byte.
    public static func decode(_ text: some BidirectionalCollection<UInt8>) -> [UInt8]? {
        var length = text.count
        var characters = text[...]
        // Padding may only fill the last group.
        if length % 4 == 0, characters.last == UInt8(ascii: "=") {
            characters = characters.dropLast()
            length -= 1
            if characters.last == UInt8(ascii: "=") {
                characters = characters.dropLast()
                length -= 1
            }
        }
        guard length % 4 != 1 else { return nil }
        var output: [UInt8] = []
        output.reserveCapacity(length / 4 * 3 + 2)
        var group: UInt32 = 0
        var bits = 0
        for byte in characters {
            guard let value = value(byte) else { return nil }
            group = group << 6 | value
            bits += 6
            if bits >= 8 {
                bits -= 8
                output.append(UInt8(truncatingIfNeeded: group >> UInt32(bits)))
                group &= (1 << UInt32(bits)) - 1
            }
        }
        return group == 0 ? output : nil
    }

    @inline(__always)
    private static func character(_ group: UInt32) -> UInt8 {
        let value = UInt8(truncatingIfNeeded: group & 63)
        return switch value {
        case 0..<26: UInt8(ascii: "A") + value
        case 26..<52: UInt8(ascii: "a") + value - 26
        case 52..<62: UInt8(ascii: "0") + value - 52
        case 62: UInt8(ascii: "+")
        default: UInt8(ascii: "/")
        }
    }

    @inline(__always)
    private static func value(_ character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a") + 26)
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0") + 52)
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
