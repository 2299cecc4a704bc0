import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The socket below a channel that writes bytes as they are. Used on the channel's event loop, while the channel is
/// active and has nothing queued.
struct DirectSocket {
    private let descriptor: CInt

    /// What became of an attempt.
    enum Result: Equatable {
        /// The kernel has everything.
        case all
        /// The kernel has this many bytes; it is full.
        case part(Int)
        /// The connection is broken.
        case failed
    }

    /// `nil` if the channel has no socket of its own.
    init?(_ context: ChannelHandlerContext) {
        let handle = try? context.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { $0 }
        guard let handle else { return nil }
        descriptor = handle
    }

    /// Gives bytes to the kernel, without waiting.
    func send(_ outbound: Outbound) -> Result {
        var sent = 0
        let last = outbound.segments.count
        for (index, segment) in outbound.segments.enumerated() {
            let isLast = index == last - 1 && outbound.buffer.readableBytes == 0
            let count = send(segment, more: !isLast)
            guard count >= 0 else { return .failed }
            sent += count
            guard count == segment.readableBytes else { return .part(sent) }
        }
        guard outbound.buffer.readableBytes > 0 else { return .all }
        let count = send(outbound.buffer, more: false)
        guard count >= 0 else { return .failed }
        return count == outbound.buffer.readableBytes ? .all : .part(sent + count)
    }

    /// Gives one buffer to the kernel, without waiting.
    func send(_ buffer: ByteBuffer) -> Result {
        let count = send(buffer, more: false)
        guard count >= 0 else { return .failed }
        return count == buffer.readableBytes ? .all : .part(count)
    }

    /// - Returns: the number of bytes that the kernel took; -1 if the connection is broken.
    private func send(_ buffer: ByteBuffer, more: Bool) -> Int {
        buffer.withUnsafeReadableBytes { bytes in
            while true {
                let count = systemSend(bytes, more: more)
                if count >= 0 { return count }
                switch errno {
                case EINTR: continue
                case EAGAIN, EWOULDBLOCK: return 0
                default: return -1
                }
            }
        }
    }

    @inline(__always)
    private func systemSend(_ bytes: UnsafeRawBufferPointer, more: Bool) -> Int {
        #if os(Linux)
            let flags = CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT) | (more ? CInt(MSG_MORE) : 0)
        #else
            let flags = CInt(MSG_DONTWAIT)
        #endif
        #if canImport(Glibc)
            return Glibc.send(descriptor, bytes.baseAddress, bytes.count, flags)
        #elseif canImport(Musl)
            return Musl.send(descriptor, bytes.baseAddress, bytes.count, flags)
        #else
            return Darwin.send(descriptor, bytes.baseAddress, bytes.count, flags)
        #endif
    }
}
