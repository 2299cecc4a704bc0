import CZlib

/// Compresses the messages of one connection, each with what came before it in mind: repetitions between messages cost
/// next to nothing. It is small, because every connection that has it needs one of its own.
public final class ContextDeflater {
    /// Size of the window as a power of two, unless the peer can hold only less.
    public static let windowBits = 10
    private static let memoryLevel = 3
    /// Bytes that one takes: the window and its chains, the hash table and the output (zconf.h), and the state of zlib.
    public static let memory = (1 << (windowBits + 2)) + (1 << (memoryLevel + 9)) + 6_000

    private let stream: UnsafeMutablePointer<z_stream>

    /// - Parameters:
    ///   - windowBits: the largest window that the peer can hold, as a power of two, 9 to 15.
    ///   - level: 1 (fast) to 9 (small).
    public init(windowBits: Int, level: Int) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let bits = min(windowBits, Self.windowBits)
        let result = czlib_deflate_init(stream, Int32(level), -Int32(bits), Int32(Self.memoryLevel))
        precondition(result == Z_OK, "zlib has no memory")
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    /// The peer has been sent compressed bytes that were not made here: distances to what lies before them are no longer
    /// known, so nothing before them is referred to.
    public func forget() { deflateReset(stream) }

    /// Compresses the next message and appends it without the four bytes that RFC 7692 §7.2.1 takes off.
    public func compress(_ text: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        // zlib writes nothing for nothing; this is what an empty message is (RFC 7692 §7.2.3.6).
        guard !text.isEmpty else { return output.append(0x00) }
        let start = output.count
        let bound = Int(deflateBound(stream, UInt(text.count))) + 16
        output.append(contentsOf: repeatElement(0, count: bound))
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: text.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(text.count)
        output.withUnsafeMutableBytes { bytes in
            stream.pointee.next_out = bytes.baseAddress!.assumingMemoryBound(to: UInt8.self) + start
            stream.pointee.avail_out = UInt32(bound)
            deflate(stream, Z_SYNC_FLUSH)
        }
        output.removeLast(Int(stream.pointee.avail_out) + 4)
    }
}
