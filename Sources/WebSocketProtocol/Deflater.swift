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

/// Takes messages apart that were compressed without a context, with the same memory, about 40 KB.
public final class Inflater {
    private let stream: UnsafeMutablePointer<z_stream>
    private var output: [UInt8] = []

    /// What became of a message.
    public enum Result: Equatable {
        case message
        /// It would have become larger than allowed.
        case tooLarge
        /// It is no compressed data.
        case invalid
    }

    public init() {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let result = czlib_inflate_init(stream, -15)
        precondition(result == Z_OK, "zlib has no memory")
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Inflates a message of RFC 7692 §7.2.2 and hands it to `body`; the bounds are watched while it grows.
    /// - Parameters:
    ///   - limit: the most bytes that it may become.
    ///   - ratio: how many times its size it may become, above 1 MiB.
    public func inflate(
        _ bytes: UnsafeRawBufferPointer, limit: Int, ratio: Int, _ body: (UnsafeRawBufferPointer) -> Void
    ) -> Result {
        inflateReset(stream)
        let allowed = min(limit, max(1 << 20, bytes.count * ratio))
        var produced = 0
        if output.isEmpty { output = [UInt8](repeating: 0, count: 16_384) }
        let tail: [UInt8] = [0x00, 0x00, 0xFF, 0xFF]
        let result = tail.withUnsafeBytes { tail -> Result in
            for part in [bytes, tail] where part.count > 0 {
                stream.pointee.next_in = UnsafeMutablePointer(
                    mutating: part.baseAddress!.assumingMemoryBound(to: UInt8.self))
                stream.pointee.avail_in = UInt32(part.count)
                while stream.pointee.avail_in > 0 {
                    if produced == output.count {
                        // One byte more than allowed shows that it is too large.
                        guard output.count <= allowed else { return .tooLarge }
                        output.append(
                            contentsOf: repeatElement(0, count: min(output.count, allowed + 1 - output.count)))
                    }
                    let status = output.withUnsafeMutableBytes { buffer in
                        stream.pointee.next_out = buffer.baseAddress!.assumingMemoryBound(to: UInt8.self) + produced
                        stream.pointee.avail_out = UInt32(buffer.count - produced)
                        let status = CZlib.inflate(stream, Z_SYNC_FLUSH)
                        produced = buffer.count - Int(stream.pointee.avail_out)
                        return status
                    }
                    guard produced <= allowed else { return .tooLarge }
                    switch status {
                    case Z_OK: continue
                    // A final block: what follows it, if anything, must be the empty block of the tail.
                    case Z_STREAM_END: return .message
                    case Z_BUF_ERROR where produced == output.count: continue
                    default: return .invalid
                    }
                }
            }
            return .message
        }
        if result == .message { output.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[..<produced])) } }
        // A rare large message must not stay for ever.
        if output.count > 262_144 { output = [] }
        return result
    }
}
