import GatewayCore
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Carries bytes between a channel and an engine, and nothing else. It is the only handler of its channel once the
/// request has been answered.
final class ChannelCarrier: LoopMember, ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let engine: ConnectionEngine
    private var context: ChannelHandlerContext?
    /// The peer does not read: something written has not reached the kernel. Nothing is taken from the session and
    /// nothing is read from the peer until it has.
    private var isStalled = false
    private var stalledSince = Instant.zero
    /// The socket itself, while the channel writes to it as it is: what fits into the kernel's buffer goes there without
    /// passing through the channel's queue, which costs more than everything else that a delivery does in this process.
    private var socket: DirectSocket?
    /// Writes that were left to the channel and have not reached the kernel.
    private var heldWrites = 0
    /// Our side is shut.
    private var isFinished = false

    init(_ engine: ConnectionEngine, loop: LoopState) {
        self.engine = engine
        super.init(loop: loop)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// The handlers of the request are gone: the engine may write.
    func start() {
        engine.id = id
        loop.begin()
        if let context {
            socket = DirectSocket(context)
            if let timeout = engine.acknowledgementTimeout { Self.limitSilence(of: context.channel, to: timeout) }
            // Answers to earlier requests may still be in the channel; nothing overtakes them.
            if !context.channel.isWritable { hold(context) }
        }
        engine.start()
        finishEvent(drains: true)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        guard !isFinished else { return }
        loop.begin()
        buffer.withUnsafeReadableBytes { engine.received($0) }
        finishEvent(drains: false)
    }

    func channelInactive(context: ChannelHandlerContext) {
        loop.begin()
        if engine.address == nil { engine.address = context.remoteAddress }
        gateway.connectionClosed(engine, on: loop)
        engine.closed()
        loop.leave(self)
        loop.dispatchWakes(except: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A peer that vanished; `channelInactive` follows.
        context.close(promise: nil)
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

    override func wake() {
        if isStalled {
            engine.stalled()
            finishEvent(drains: false)
        } else {
            finishEvent(drains: true)
        }
    }

    override func visit() -> Instant? {
        guard context != nil else { return nil }
        if case .awaitingPeer(let deadline) = engine.verdict {
            guard loop.now < deadline else {
                context?.close(promise: nil)
                return nil
            }
            return deadline
        }
        if isStalled {
            // Nothing is read from it meanwhile, so its pongs say nothing; only that it goes on reading counts.
            let end = stalledSince + engine.stallTimeout
            guard loop.now < end else {
                loop.counters[Int(engine.transport.rawValue)].slowConsumers += 1
                context?.close(promise: nil)
                return nil
            }
            engine.stalled()
            finishEvent(drains: false)
            return end
        }
        let next = engine.visit()
        finishEvent(drains: engine.isDue)
        if case .awaitingPeer(let deadline) = engine.verdict { return deadline }
        return next
    }

    override func drain() {
        engine.goAway()
        finishEvent(drains: false)
    }

    override func answered(_ address: ReplyAddress, _ answer: StoredAnswer) {
        engine.waitingAnswers.append((address, answer))
    }

    override func sendAnswers() {
        let answers = engine.waitingAnswers
        engine.waitingAnswers = []
        guard !isFinished, engine.verdict == .open else { return }
        for (address, answer) in answers { engine.write(answer, to: address) }
        finishEvent(drains: false)
    }

    private var gateway: Gateway { loop.gateway }

    /// Drains if asked to, sends what was written, and lets the woken know.
    private func finishEvent(drains: Bool) {
        var drains = drains
        var hasMore = false
        repeat {
            if drains, !isStalled { hasMore = engine.drain() }
            // The event itself may have published to this client: its messages leave with the same flush.
            drains = loop.dispatchWakes(except: id)
        } while drains && !isStalled
        flush()
        if drains, isStalled { engine.stalled() }
        if hasMore, !isStalled, engine.verdict == .open {
            loop.context.wakes.insert(id); loop.dispatchWakes(except: nil)
        }
        settle()
    }

    private func flush() {
        guard let context else { return loop.outbound.reset() }
        guard loop.outbound.count > 0 else { return }
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
        if !isStalled {
            isStalled = true
            stalledSince = loop.now
            context.channel.setOption(.autoRead, value: false).whenFailure { _ in }
        }
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
        guard heldWrites == 0, let context else { return }
        isStalled = false
        resumeReading(context)
        engine.flushed()
        // The last visit may have been put off for as long as a stall may last.
        loop.schedule(self, at: loop.now + LoopState.tick)
        // What waits is taken by a turn of its own: this one may be in the middle of writing.
        loop.context.wakes.insert(id)
        loop.dispatchWakes(except: nil)
    }

    /// Carries out the engine's verdict.
    private func settle() {
        guard let context, !isFinished else { return }
        switch engine.verdict {
        case .open: return
        case .awaitingPeer(let deadline):
            if isStalled { resumeReading(context) }
            loop.schedule(self, at: deadline)
        case .finished:
            isFinished = true
            if isStalled { resumeReading(context) }
            let deadline = loop.now + gateway.settings.closeTimeout
            engine.verdict = .awaitingPeer(deadline: deadline)
            // Only our side first: an abrupt close could take back what has just been sent.
            context.close(mode: .output, promise: nil)
            loop.schedule(self, at: deadline)
        }
    }

    /// The end of a connection shows when it is read.
    private func resumeReading(_ context: ChannelHandlerContext) {
        context.channel.setOption(.autoRead, value: true).whenFailure { _ in }
    }
}
