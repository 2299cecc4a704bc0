import CZlib

/// Compresses one message after another with the same memory, about 260 KB. One for an event loop, not for a connection.
public final class Deflater {
    private let stream: UnsafeMutablePointer<z_stream>

    /// - Parameters:
    ///   - windowBits: size of the window as a power of two, 9 to 15.
    ///   - level: 1 (fast) to 9 (small).
    public init(windowBits: Int, level: Int) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let result = czlib_deflate_init(stream, Int32(level), -Int32(windowBits), 8)
        precondition(result == Z_OK, "zlib has no memory")
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    /// Compresses `parts` as if they were one text, into blocks that need nothing before them and that end at a byte's
    /// edge with an empty block (`00 00 FF FF`), which stays.
    public func compress(_ parts: [UnsafeRawBufferPointer]) -> [UInt8] {
        deflateReset(stream)
        let bound = Int(deflateBound(stream, UInt(parts.reduce(0) { $0 + $1.count }))) + 16
        return [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            stream.pointee.next_out = buffer.baseAddress
            stream.pointee.avail_out = UInt32(bound)
            for (index, part) in parts.enumerated() {
                stream.pointee.next_in = UnsafeMutablePointer(
                    mutating: part.baseAddress?.assumingMemoryBound(to: UInt8.self))
                stream.pointee.avail_in = UInt32(part.count)
                deflate(stream, index == parts.count - 1 ? Z_SYNC_FLUSH : Z_NO_FLUSH)
            }
            count = bound - Int(stream.pointee.avail_out)
        }
    }
}
