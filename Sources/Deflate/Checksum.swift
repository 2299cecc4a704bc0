import CZlib

/// The CRC-32 of RFC 1952 §8, over a text that grows.
public struct Checksum: Equatable, Sendable {
    public private(set) var value: UInt32 = 0

    public init() {}

    /// Adds the next bytes.
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        value = UInt32(
            crc32_z(UInt(value), start.assumingMemoryBound(to: UInt8.self), bytes.count))
    }

    /// Adds a text that has been summed up before, without reading it again.
    @inline(__always)
    public mutating func append(_ text: Text) { value = Self.multiplied(text.shift, value) ^ text.checksum.value }

    /// What appending a text needs to know of it.
    public struct Text: Equatable, Sendable {
        public let checksum: Checksum
        public let count: Int
        /// x^(8 · count): moves a checksum over as many bytes.
        fileprivate let shift: UInt32

        /// Sums up `parts`, one after the other.
        public init(_ parts: [UnsafeRawBufferPointer]) {
            var checksum = Checksum()
            for part in parts { checksum.append(part) }
            self.checksum = checksum
            count = parts.reduce(0) { $0 + $1.count }
            shift = Checksum.power(UInt64(count) * 8)
        }
    }

    /// The polynomial of RFC 1952, and 1: lowest power in the highest bit.
    private static let polynomial: UInt32 = 0xEDB8_8320
    private static let one: UInt32 = 0x8000_0000

    /// The product of two polynomials over GF(2), modulo that of the checksum.
    @inline(__always)
    private static func multiplied(_ left: UInt32, _ right: UInt32) -> UInt32 {
        var (left, right, product) = (left, right, UInt32(0))
        while left != 0 {
            // No branch on the bits: they are as good as random.
            product ^= right & UInt32(bitPattern: Int32(bitPattern: left) >> 31)
            left <<= 1
            right = (right >> 1) ^ (polynomial & (0 &- (right & 1)))
        }
        return product
    }

    /// x to the power of `exponent`.
    private static func power(_ exponent: UInt64) -> UInt32 {
        var (exponent, square, result) = (exponent, one >> 1, one)
        while exponent > 0 {
            if exponent & 1 == 1 { result = multiplied(square, result) }
            square = multiplied(square, square)
            exponent >>= 1
        }
        return result
    }
}
