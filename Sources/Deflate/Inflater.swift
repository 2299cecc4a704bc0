import CZlib

/// Takes messages apart that were compressed without a context, with the same memory, about 40 KB.
public final class Inflater {
    private let stream: UnsafeMutablePointer<z_stream>
    private var output: [UInt8] = []

    /// What became of a message.
    public enum Result: Equatable, Sendable {
        case message
        /// It would have become larger than allowed.
        case tooLarge
        /// It would have become more times its size than allowed.
        case tooDense
        /// It is no compressed data, or not all of it.
        case invalid
    }

    /// What a message may become.
    public struct Limits: Equatable, Sendable {
        /// The most bytes.
        public var bytes: Int
        /// The most bytes for each byte that came.
        public var ratio: Int
        /// Up to this many bytes the ratio does not count: short texts that repeat themselves are nothing unusual.
        public var ratioFrom: Int

        public init(bytes: Int, ratio: Int, ratioFrom: Int) {
            self.bytes = bytes
            self.ratio = ratio
            self.ratioFrom = ratioFrom
        }

        /// What is allowed to a message of `count` bytes, and what it is if it goes beyond.
        func most(for count: Int) -> (bytes: Int, beyond: Result) {
            let (product, overflow) = count.multipliedReportingOverflow(by: ratio)
            let dense = max(ratioFrom, overflow ? Int.max : product)
            return dense < bytes ? (dense, .tooDense) : (bytes, .tooLarge)
        }
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

    /// The end that senders take off each message (RFC 7692 §7.2.1).
    private static let tail: [UInt8] = [0x00, 0x00, 0xFF, 0xFF]

    /// Inflates a message of RFC 7692 §7.2.2 and hands it to `body`; the limits are watched while it grows.
    public func inflate(
        _ bytes: UnsafeRawBufferPointer, limits: Limits, _ body: (UnsafeRawBufferPointer) -> Void
    ) -> Result {
        inflateReset(stream)
        var growth = Growth(limits.most(for: bytes.count))
        if output.isEmpty { output = [UInt8](repeating: 0, count: 16_384) }
        var result = append(bytes, &growth, isTail: false)
        if result == .message, !growth.isAtEnd {
            result = Self.tail.withUnsafeBytes { append($0, &growth, isTail: true) }
        }
        if result == .message, !growth.isAtEnd, !isBetweenBlocks { result = .invalid }
        if result == .message {
            output.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[..<growth.produced])) }
        }
        // A rare large message must not stay for ever.
        if output.count > 262_144 { output = [] }
        return result
    }

    /// How far a message has come.
    private struct Growth {
        var produced = 0
        let allowed: Int
        let beyond: Result
        /// The last block so far was marked as final, and nothing has come after it.
        var isAtEnd = false

        init(_ most: (bytes: Int, beyond: Result)) { (allowed, beyond) = most }
    }

    private func append(_ part: UnsafeRawBufferPointer, _ growth: inout Growth, isTail: Bool) -> Result {
        guard let start = part.baseAddress, part.count > 0 else { return .message }
        stream.pointee.next_in = UnsafeMutablePointer(mutating: start.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(part.count)
        while stream.pointee.avail_in > 0 {
            // A final block (RFC 7692 §7.2.3.4) ends a stream, not the message: what follows begins anew.
            if growth.isAtEnd {
                inflateReset(stream)
                growth.isAtEnd = false
            }
            if growth.produced == output.count {
                // One byte more than allowed shows that it is too large.
                guard output.count <= growth.allowed else { return growth.beyond }
                let more = min(output.count, growth.allowed + 1 - output.count)
                output.append(contentsOf: repeatElement(0, count: more))
            }
            let status = output.withUnsafeMutableBytes { buffer in
                stream.pointee.next_out =
                    buffer.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self) + growth.produced
                stream.pointee.avail_out = UInt32(buffer.count - growth.produced)
                let status = CZlib.inflate(stream, Z_SYNC_FLUSH)
                growth.produced = buffer.count - Int(stream.pointee.avail_out)
                return status
            }
            guard growth.produced <= growth.allowed else { return growth.beyond }
            switch status {
            case Z_OK: continue
            case Z_STREAM_END:
                growth.isAtEnd = true
                // The tail of a message that ends with a final block belongs to no block.
                if isTail { return .message }
            case Z_BUF_ERROR where growth.produced == output.count: continue
            default: return .invalid
            }
        }
        return .message
    }

    /// Whether the stream stands where a block may begin, at the edge of a byte: after the tail of a whole message.
    private var isBetweenBlocks: Bool { stream.pointee.data_type & 128 != 0 && stream.pointee.data_type & 63 == 0 }
}
