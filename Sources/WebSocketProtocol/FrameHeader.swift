/// Writes the header of an unmasked frame, as a server sends it (RFC 6455 §5.2).
public enum FrameHeader {
    /// The longest header of an unmasked frame.
    public static let maxSize = 10

    /// Bytes of the header of a frame with `count` bytes of payload.
    @inlinable
    public static func size(_ count: Int) -> Int { count < 126 ? 2 : count < 65_536 ? 4 : 10 }

    /// Writes the header of a whole message.
    /// - Parameter isCompressed: sets the bit that permessage-deflate uses (RFC 7692 §6).
    /// - Parameter out: at least `size(count)` bytes.
    @inlinable
    public static func write(
        _ opcode: Opcode, isCompressed: Bool = false, count: Int, to out: UnsafeMutableRawPointer
    ) {
        out.storeBytes(of: 0x80 | (isCompressed ? 0x40 : 0) | opcode.rawValue, as: UInt8.self)
        if count < 126 {
            out.storeBytes(of: UInt8(count), toByteOffset: 1, as: UInt8.self)
        } else if count < 65_536 {
            out.storeBytes(of: 126, toByteOffset: 1, as: UInt8.self)
            out.storeBytes(of: UInt16(count).bigEndian, toByteOffset: 2, as: UInt16.self)
        } else {
            out.storeBytes(of: 127, toByteOffset: 1, as: UInt8.self)
            out.storeBytes(of: UInt64(count).bigEndian, toByteOffset: 2, as: UInt64.self)
        }
    }
}
