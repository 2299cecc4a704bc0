/// Draws epochs and message ids (UUIDv7, RFC 9562 §5.7) from a seeded generator. The ids need to be unique, not secret.
public struct IdentifierSource: Sendable {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    /// - Parameter seed: four random words; all zero is not allowed.
    public init(seed: (UInt64, UInt64, UInt64, UInt64)) {
        precondition(seed.0 | seed.1 | seed.2 | seed.3 != 0, "The seed must not be zero")
        state = seed
    }

    /// A source with a seed from the system's generator.
    public init() {
        var system = SystemRandomNumberGenerator()
        self.init(seed: (system.next(), system.next(), system.next(), system.next() | 1))
    }

    /// The next 64 random bits (xoshiro256**).
    public mutating func next() -> UInt64 {
        let result = Self.rotate(state.1 &* 5, 7) &* 9
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = Self.rotate(state.3, 45)
        return result
    }

    public mutating func epoch() -> Epoch { Epoch(next()) }

    /// Number of bytes of a written UUID.
    public static let uuidLength = 36

    /// Writes a UUIDv7 of the given time, 36 bytes in lower case.
    public mutating func writeUUID(at time: Timestamp, to out: UnsafeMutablePointer<UInt8>) {
        let high = UInt64(bitPattern: time.milliseconds) << 16 | 0x7000 | next() >> 52
        let low = next() >> 2 | 0x8000_0000_0000_0000
        var position = 0
        for i in 0..<32 {
            if i == 8 || i == 12 || i == 16 || i == 20 {
                out[position] = UInt8(ascii: "-")
                position += 1
            }
            let word = i < 16 ? high : low
            let digit = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * (i & 15))) & 15
            out[position] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
            position += 1
        }
    }

    public mutating func uuid(at time: Timestamp) -> String {
        String(unsafeUninitializedCapacity: Self.uuidLength) { buffer in
            writeUUID(at: time, to: buffer.baseAddress!)
            return Self.uuidLength
        }
    }

    private static func rotate(_ value: UInt64, _ count: UInt64) -> UInt64 { value << count | value >> (64 - count) }
}
