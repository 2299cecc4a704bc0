import NIOCore

/// What one event writes to one connection: small things are gathered in one buffer, large shared ones go out as they
/// are. Everything leaves with one flush.
struct Outbound {
    /// The buffer that small things are gathered in.
    var buffer = ByteBufferAllocator().buffer(capacity: Self.baseCapacity)
    /// What comes before the buffer.
    private(set) var segments: [ByteBuffer] = []
    /// Bytes in `segments`.
    private var segmentBytes = 0

    private static let baseCapacity = 4096
    /// A buffer that has grown beyond this is let go after use.
    private static let keptCapacity = 131_072
    /// Shared bytes from this size on are not copied.
    static let shareFrom = 8192

    var count: Int { segmentBytes + buffer.readableBytes }

    mutating func append(_ bytes: some Sequence<UInt8>) { buffer.writeBytes(bytes) }

    /// Adds bytes that other connections write too.
    mutating func append(shared: ByteBuffer) {
        if shared.readableBytes < Self.shareFrom {
            buffer.writeImmutableBuffer(shared)
        } else {
            cut()
            segments.append(shared)
            segmentBytes += shared.readableBytes
        }
    }

    /// Drops the first bytes: they have been sent.
    mutating func skip(_ count: Int) {
        var rest = count
        while rest > 0, !segments.isEmpty {
            let step = min(rest, segments[0].readableBytes)
            segments[0].moveReaderIndex(forwardBy: step)
            segmentBytes -= step
            rest -= step
            if segments[0].readableBytes == 0 { segments.removeFirst() }
        }
        buffer.moveReaderIndex(forwardBy: rest)
        // What is left waits in the channel; it must not keep a large buffer for a few bytes.
        if buffer.readableBytes < buffer.capacity / 2 { buffer = ByteBuffer(bytes: buffer.readableBytesView) }
    }

    /// Takes what is there, in order.
    mutating func takeAll(_ write: (ByteBuffer) -> Void) {
        for segment in segments { write(segment) }
        if buffer.readableBytes > 0 { write(buffer) }
        reset()
    }

    /// Empties everything. The buffer keeps its memory if nobody holds it any more.
    mutating func reset() {
        if !segments.isEmpty {
            segments.removeAll(keepingCapacity: true)
            segmentBytes = 0
        }
        if buffer.capacity > Self.keptCapacity {
            buffer = ByteBufferAllocator().buffer(capacity: Self.baseCapacity)
        } else {
            buffer.clear()
        }
    }

    private mutating func cut() {
        guard buffer.readableBytes > 0 else { return }
        segments.append(buffer)
        segmentBytes += buffer.readableBytes
        buffer = ByteBufferAllocator().buffer(capacity: Self.baseCapacity)
    }
}
