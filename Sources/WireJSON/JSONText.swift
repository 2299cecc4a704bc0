/// Strings between their JSON form and Swift.
public enum JSONText {
    /// Decodes a string that the scanner has checked. `bytes` includes the quotes. An unpaired surrogate escape becomes
    /// U+FFFD, as in JavaScript's text decoders.
    public static func decode(_ bytes: UnsafeRawBufferPointer) -> String {
        let inner = UnsafeRawBufferPointer(rebasing: bytes[1..<(bytes.count - 1)])
        guard inner.contains(UInt8(ascii: "\\")) else { return String(decoding: inner, as: UTF8.self) }
        var scalars = String.UnicodeScalarView()
        var raw: [UInt8] = []
        var i = 0
        func flush() {
            scalars.append(contentsOf: String(decoding: raw, as: UTF8.self).unicodeScalars)
            raw.removeAll(keepingCapacity: true)
        }
        while i < inner.count {
            guard inner[i] == UInt8(ascii: "\\") else {
                raw.append(inner[i])
                i += 1
                continue
            }
            let kind = inner[i + 1]
            i += 2
            switch kind {
            case UInt8(ascii: "b"): raw.append(0x08)
            case UInt8(ascii: "f"): raw.append(0x0C)
            case UInt8(ascii: "n"): raw.append(0x0A)
            case UInt8(ascii: "r"): raw.append(0x0D)
            case UInt8(ascii: "t"): raw.append(0x09)
            case UInt8(ascii: "u"):
                flush()
                var unit = hex4(inner, at: i)
                i += 4
                if unit & 0xFC00 == 0xD800, i + 6 <= inner.count, inner[i] == UInt8(ascii: "\\"),
                    inner[i + 1] == UInt8(ascii: "u")
                {
                    let low = hex4(inner, at: i + 2)
                    if low & 0xFC00 == 0xDC00 {
                        unit = 0x10000 + (unit & 0x3FF) << 10 + (low & 0x3FF)
                        i += 6
                    }
                }
                scalars.append(Unicode.Scalar(unit) ?? "\u{FFFD}")
            default: raw.append(kind)
            }
        }
        flush()
        return String(scalars)
    }

    /// Whether a string that the scanner has checked, with its quotes, is `text` letter by letter. One that is written
    /// with escapes is taken for another.
    public static func stands(_ text: String, in bytes: Slice<UnsafeRawBufferPointer>) -> Bool {
        let inner = UnsafeRawBufferPointer(rebasing: bytes.dropFirst().dropLast())
        // An escape only looks like itself.
        return inner.count == text.utf8.count && inner.elementsEqual(text.utf8) && !inner.contains(UInt8(ascii: "\\"))
    }

    /// Appends `text` as a JSON string with its quotes.
    public static func appendQuoted(_ text: some Sequence<UInt8>, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                output.append(UInt8(ascii: "\\"))
                output.append(byte)
            case 0x0A:
                output.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "n")])
            case 0x0D:
                output.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "r")])
            case 0x09:
                output.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "t")])
            case 0..<0x20:
                output.append(contentsOf: Array("\\u00".utf8))
                output.append(hexDigit(byte >> 4))
                output.append(hexDigit(byte & 15))
            default:
                output.append(byte)
            }
        }
        output.append(UInt8(ascii: "\""))
    }

    /// `text` as a JSON string with its quotes.
    public static func quoted(_ text: String) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(text.utf8.count + 2)
        appendQuoted(text.utf8, to: &output)
        return output
    }

    @inlinable
    static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    @inlinable
    static func hexValue(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    private static func hex4(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> UInt32 {
        var value: UInt32 = 0
        for i in 0..<4 { value = value << 4 | (hexValue(bytes[offset + i]) ?? 0) }
        return value
    }
}
