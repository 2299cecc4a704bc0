/// The key exchange of the opening handshake (RFC 6455 §4.2.2).
public enum Handshake {
    /// The value of `Sec-WebSocket-Accept` for a client's `Sec-WebSocket-Key`.
    /// - Returns: `nil` if the key is not the base64 form of 16 bytes.
    public static func acceptValue(forKey key: String) -> String? {
        guard key.utf8.count == 24, key.hasSuffix("=="), key.utf8.dropLast(2).allSatisfy(Base64.isDigit) else {
            return nil
        }
        return Base64.encode(SHA1.digest(Array(key.utf8) + Array("258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8)))
    }
}

/// RFC 4648 §4.
enum Base64 {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func isDigit(_ byte: UInt8) -> Bool { digits.contains(byte) }

    static func encode(_ bytes: [UInt8]) -> String {
        var output: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = (0..<3).map { start + $0 < bytes.count ? UInt32(bytes[start + $0]) : 0 }
            let word = group[0] << 16 | group[1] << 8 | group[2]
            for i in 0..<4 {
                let isPadding = start + i > bytes.count
                output.append(isPadding ? UInt8(ascii: "=") : digits[Int(word >> UInt32(18 - 6 * i)) & 63])
            }
        }
        return String(decoding: output, as: UTF8.self)
    }
}

/// SHA-1 (RFC 3174). The handshake prescribes it; it protects nothing there.
enum SHA1 {
    static func digest(_ message: [UInt8]) -> [UInt8] {
        var padded = message
        padded.append(0x80)
        while padded.count % 64 != 56 { padded.append(0) }
        for i in 0..<8 { padded.append(UInt8(truncatingIfNeeded: (message.count * 8) >> (56 - 8 * i))) }

        var hash: [UInt32] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0]
        var words = [UInt32](repeating: 0, count: 80)
        for block in stride(from: 0, to: padded.count, by: 64) {
            for i in 0..<16 {
                words[i] = (0..<4).reduce(0) { $0 << 8 | UInt32(padded[block + 4 * i + $1]) }
            }
            for i in 16..<80 { words[i] = rotate(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1) }
            var (a, b, c, d, e) = (hash[0], hash[1], hash[2], hash[3], hash[4])
            for i in 0..<80 {
                let (mix, constant): (UInt32, UInt32) =
                    switch i {
                    case 0..<20: (b & c | ~b & d, 0x5A82_7999)
                    case 20..<40: (b ^ c ^ d, 0x6ED9_EBA1)
                    case 40..<60: (b & c | b & d | c & d, 0x8F1B_BCDC)
                    default: (b ^ c ^ d, 0xCA62_C1D6)
                    }
                let next = rotate(a, 5) &+ mix &+ e &+ constant &+ words[i]
                (a, b, c, d, e) = (next, a, rotate(b, 30), c, d)
            }
            for (i, word) in [a, b, c, d, e].enumerated() { hash[i] = hash[i] &+ word }
        }
        return hash.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(24 - 8 * $0)) } }
    }

    private static func rotate(_ value: UInt32, _ count: UInt32) -> UInt32 { value << count | value >> (32 - count) }
}
