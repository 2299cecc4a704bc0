import GatewayCore
import NIOCore

/// Carries bytes between an engine and a channel that does something to them on their way: TLS, or a stream of an HTTP/2
/// connection. What `ChannelCarrier` is to a socket.
final class PipelineCarrier: LoopMember, ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let engine: ConnectionEngine
    private var context: ChannelHandlerContext?
    /// Writes that have not reached the kernel.
    private var unsentWrites = 0
    /// The peer does not read: something written has not reached the kernel when it was to. Nothing is taken from the
    /// session until it has.
    private var isStalled = false
    private var stalledSince = Instant.zero
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
        gateway.connectionClosed(engine, on: loop)
        engine.closed()
        loop.leave(self)
        loop.dispatchWakes(except: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A peer that vanished, or that broke TLS; `channelInactive` follows.
        context.close(promise: nil)
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
            let end = stalledSince + gateway.settings.idleTimeout
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
        finishEvent(drains: false)
        if case .awaitingPeer(let deadline) = engine.verdict { return deadline }
        return next
    }

    override func drain() {
        engine.goAway()
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
            loop.context.wakes.insert(id)
            loop.dispatchWakes(except: nil)
        }
        settle()
    }

    private func flush() {
        guard let context else { return loop.outbound.reset() }
        guard loop.outbound.count > 0 else { return }
        var last: ByteBuffer?
        loop.outbound.takeAll { buffer in
            if let last { context.write(wrapOutboundOut(last), promise: nil) }
            last = buffer
        }
        guard let last else { return }
        unsentWrites += 1
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { result in
            if case .success = result { self.wasWritten() }
        }
        context.writeAndFlush(wrapOutboundOut(last), promise: promise)
        guard unsentWrites > 0, !isStalled, self.context != nil else { return }
        isStalled = true
        stalledSince = loop.now
        // A socket's client is not listened to while it does not listen; a stream's client has nothing more to say, and
        // only that it closes is of interest.
        if engine.transport == .webSocket { setReading(false) }
    }

    /// One write has reached the kernel.
    private func wasWritten() {
        unsentWrites -= 1
        guard unsentWrites == 0, context != nil else { return }
        guard isStalled else { return engine.flushed() }
        isStalled = false
        if engine.transport == .webSocket { setReading(true) }
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
            if isStalled { setReading(true) }
            loop.schedule(self, at: deadline)
        case .finished:
            isFinished = true
            if isStalled { setReading(true) }
            let deadline = loop.now + gateway.settings.closeTimeout
            engine.verdict = .awaitingPeer(deadline: deadline)
            // Only our side first: an abrupt close could take back what has just been sent.
            context.close(mode: .output, promise: nil)
            loop.schedule(self, at: deadline)
        }
    }

    /// The end of a connection shows when it is read.
    private func setReading(_ isReading: Bool) {
        context?.channel.setOption(.autoRead, value: isReading).whenFailure { _ in }
    }
}
