/// The masking of client frames (RFC 6455 §5.3).
public enum Masking {
    /// Copies `count` bytes and takes the mask off (or puts it on: the two are the same).
    /// - Parameter key: the four bytes of the key as they lie in memory; the first byte belongs to the first byte of
    ///   `source`.
    @inlinable
    public static func unmask(
        _ source: UnsafeRawPointer, to target: UnsafeMutableRawPointer, count: Int, key: UInt32
    ) {
        let wide = UInt64(key) << 32 | UInt64(key)
        var i = 0
        while i &+ 8 <= count {
            target.storeBytes(
                of: source.loadUnaligned(fromByteOffset: i, as: UInt64.self) ^ wide, toByteOffset: i, as: UInt64.self)
            i &+= 8
        }
        let little = UInt32(littleEndian: key)
        while i < count {
            let byte = source.load(fromByteOffset: i, as: UInt8.self)
            target.storeBytes(
                of: byte ^ UInt8(truncatingIfNeeded: little >> UInt32((i & 3) * 8)), toByteOffset: i, as: UInt8.self)
            i &+= 1
        }
    }
}
