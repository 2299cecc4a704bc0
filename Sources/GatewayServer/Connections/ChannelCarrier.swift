import GatewayCore
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Carries bytes between a socket and an engine.
final class ChannelCarrier: EngineCarrier {
    /// The socket itself, while the channel writes to it as it is: what fits into the kernel's buffer goes there without
    /// passing through the channel's queue, which costs more than everything else that a delivery does in this process.
    private var socket: DirectSocket?
    /// Writes that were left to the channel and have not reached the kernel.
    private var heldWrites = 0

    override func prepare(_ context: ChannelHandlerContext) {
        socket = DirectSocket(context)
        // What an engine is given it has dealt with when it returns.
        try? context.channel.syncOptions?.setOption(.recvAllocator, value: ReceiveBuffers(lending: loop.received))
        if let timeout = engine.acknowledgementTimeout { Self.limitSilence(of: context.channel, to: timeout) }
        // Answers to earlier requests may still be in the channel; nothing overtakes them.
        if isBehindOthers || !context.channel.isWritable { hold(context) }
    }

    /// A peer that vanished without a word acknowledges nothing, and one that does not read takes nothing: the system
    /// closes the connection after this time, not after that of all connections.
    private static func limitSilence(of channel: any Channel, to timeout: Instant.Span) {
        #if os(Linux)
            let option = ChannelOptions.Types.SocketOption(level: .tcp, name: .init(rawValue: CInt(TCP_USER_TIMEOUT)))
            // Only sockets know it.
            try? channel.syncOptions?.setOption(option, value: Int(timeout.milliseconds))
        #endif
    }

    override func send(to context: ChannelHandlerContext) {
        if let socket, !isStalled {
            switch socket.send(loop.outbound) {
            case .all:
                loop.outbound.reset()
                return engine.flushed()
            case .part(let count): loop.outbound.skip(count)
            case .failed:
                loop.outbound.reset()
                return context.close(promise: nil)
            }
        }
        hold(context)
    }

    /// Leaves what was written to the channel, which sends it when the kernel takes more.
    private func hold(_ context: ChannelHandlerContext) {
        stall()
        heldWrites += 1
        loop.outbound.takeAll { context.write(wrapOutboundOut($0), promise: nil) }
        // Nothing, behind everything else: when this has been written, so has all before it.
        let last = context.eventLoop.makePromise(of: Void.self)
        last.futureResult.assumeIsolated().whenSuccess { self.wasWritten() }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: last)
    }

    /// One held write has reached the kernel.
    private func wasWritten() {
        heldWrites -= 1
        if heldWrites == 0, context != nil { resume() }
    }
}
