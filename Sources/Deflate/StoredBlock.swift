/// A block of bytes as they are (RFC 1951 §3.2.4). It costs no compression, so what differs from client to client goes
/// into one, between the compressed blocks that all of them share.
public enum StoredBlock {
    /// Bytes before the text of a block that begins at the edge of a byte.
    public static let headerSize = 5
    /// The longest text.
    public static let maxCount = 65_535

    /// Writes the header of a block that is not the last one.
    /// - Precondition: `count` is at most `maxCount`, and `target` has room for `headerSize` bytes.
    @inline(__always)
    public static func writeHeader(count: Int, to target: UnsafeMutableRawPointer) {
        let length = UInt16(count)
        target.storeBytes(of: 0, as: UInt8.self)
        target.storeBytes(of: length.littleEndian, toByteOffset: 1, as: UInt16.self)
        target.storeBytes(of: (~length).littleEndian, toByteOffset: 3, as: UInt16.self)
    }
}
