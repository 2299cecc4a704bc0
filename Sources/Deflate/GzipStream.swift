/// A gzip stream (RFC 1952) that is put together from blocks which were made elsewhere, once for many streams. All that
/// a stream keeps is what its end states: a checksum and a length.
///
/// Every block ends at the edge of a byte, so that the next one, shared or not, can follow.
public struct GzipStream: Equatable, Sendable {
    private var checksum = Checksum()
    /// Bytes of text, modulo 2^32.
    private var count: UInt32 = 0

    /// The beginning of every stream: deflate, no name, no time, system unknown.
    public static let header: [UInt8] = [0x1F, 0x8B, 0x08, 0, 0, 0, 0, 0, 0, 0xFF]

    public init() {}

    /// Notes text that the next blocks hold.
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        checksum.append(bytes)
        count &+= UInt32(truncatingIfNeeded: bytes.count)
    }

    /// Notes text that was summed up before.
    public mutating func append(_ text: Checksum.Text) {
        checksum.append(text)
        count &+= UInt32(truncatingIfNeeded: text.count)
    }

    /// What ends the stream: an empty final block, the checksum and the length.
    public var trailer: [UInt8] {
        var bytes: [UInt8] = [0x03, 0x00]
        for number in [checksum.value, count] {
            for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
        }
        return bytes
    }
}
