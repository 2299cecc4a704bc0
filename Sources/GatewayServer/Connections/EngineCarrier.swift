import GatewayCore
import NIOCore

/// Carries bytes between a channel and an engine, and nothing else. It is the only handler of its channel once the
/// request has been answered. How what was written reaches the peer is left to those who inherit: to a socket as it is
/// (`ChannelCarrier`), or through what stands before it (`PipelineCarrier`).
class EngineCarrier: LoopMember, ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    final let engine: ConnectionEngine
    private(set) final var context: ChannelHandlerContext?
    private final var stalledSince = Instant.zero
    /// The peer does not read: something written has not reached the kernel. Nothing is taken from the session until it
    /// has.
    private(set) final var isStalled = false
    /// Whether it waits in the loop's line until its transport may send again, and whether it is its turn now.
    private final var isHeldBack = false
    private final var isFirstInLine = false
    /// Our side is shut.
    private final var isFinished = false
    /// Whether the channel still holds answers to earlier requests.
    final var isBehindOthers = false

    init(_ engine: ConnectionEngine, loop: LoopState) {
        self.engine = engine
        super.init(loop: loop)
    }

    // MARK: - What a carrier does its own way

    /// The channel is its own from now on.
    func prepare(_ context: ChannelHandlerContext) {}

    /// Sends what the loop's `outbound` holds, or leaves it to the channel and says `stall()`.
    func send(to context: ChannelHandlerContext) {}

    /// Whether nothing is read from the peer while it does not read.
    var pausesReading: Bool { true }

    // MARK: - Channel

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// The handlers of the request are gone: the engine may write.
    final func start() {
        engine.id = id
        loop.begin()
        if gateway.gatekeeper.isOn { loop.schedule(self, at: engine.nextIdentityCheck) }
        if let context { prepare(context) }
        engine.start()
        finishEvent(drains: true)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        guard !isFinished else { return }
        loop.begin()
        loop.counters[Int(engine.transport.rawValue)].bytesIn += buffer.readableBytes
        buffer.withUnsafeReadableBytes { engine.received($0) }
        loop.received.giveBack(buffer)
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
        // A peer that vanished, or that broke TLS; `channelInactive` follows.
        context.close(promise: nil)
    }

    // MARK: - Member of the loop

    override final func wake() {
        if isStalled {
            engine.stalled()
            finishEvent(drains: false)
        } else {
            finishEvent(drains: true)
        }
    }

    override final func goOn() {
        isHeldBack = false
        guard context != nil else { return }
        isFirstInLine = true
        wake()
        isFirstInLine = false
    }

    override final func visit() -> Instant? {
        guard context != nil else { return nil }
        if case .awaitingPeer(let deadline) = engine.verdict {
            guard loop.now < deadline else {
                context?.close(promise: nil)
                return nil
            }
            return deadline
        }
        let identityDue = gateway.gatekeeper.isOn ? engine.tendIdentity() : .distantFuture
        if isStalled, engine.verdict != .open {
            // It would not read that either.
            context?.close(promise: nil)
            return nil
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
            return min(end, identityDue)
        }
        let next = engine.visit()
        finishEvent(drains: engine.isDue)
        if case .awaitingPeer(let deadline) = engine.verdict { return deadline }
        return min(next, identityDue)
    }

    override final func refresh(_ principal: Principal) { engine.refresh(principal) }

    override final func checkRevocation() {
        guard !isFinished, engine.checkRevocation() else { return }
        if isStalled { return context?.close(promise: nil) ?? () }
        finishEvent(drains: false)
        if case .awaitingPeer(let deadline) = engine.verdict { loop.schedule(self, at: deadline) }
    }

    override final var leavesFirst: Bool { !engine.isOwedAnswers }

    override final func drain() {
        // What waits for it goes first, as far as the kernel takes it.
        var hasMore = true
        while hasMore, !isStalled, context != nil, engine.verdict == .open {
            hasMore = engine.drain()
            flush()
        }
        engine.goAway()
        finishEvent(drains: false)
    }

    override final var connection: ConnectionEngine? { engine }

    override final var hasChannel: Bool { context != nil }

    override final var peer: SocketAddress? { engine.address ?? context?.remoteAddress }

    override final var heldBytes: Int {
        guard isStalled, let options = context?.channel.syncOptions else { return 0 }
        return (try? options.getOption(.bufferedWritableBytes)) ?? 0
    }

    override final func checkAccess() {
        guard engine.verdict == .open, context != nil, engine.isUnwanted else { return }
        engine.expel()
        finishEvent(drains: false)
    }

    override final func dismiss(_ reason: String) {
        guard !isFinished else { return }
        engine.dismiss(reason)
        finishEvent(drains: false)
    }

    override final func giveWay(_ reason: String) {
        if !isFinished {
            engine.giveWay(reason)
            finishEvent(drains: false)
        }
        // Others wait for the place: its peer has less time to close its side than it has otherwise.
        guard context != nil, case .awaitingPeer(let usual) = engine.verdict else { return }
        let deadline = min(usual, loop.now + gateway.settings.viability.control.farewell)
        engine.verdict = .awaitingPeer(deadline: deadline)
        loop.schedule(self, at: deadline)
    }

    override final func answered(_ address: ReplyAddress, _ answer: StoredAnswer) {
        engine.waitingAnswers.append((address, answer))
    }

    override final func sendAnswers() {
        guard !isFinished else { return engine.waitingAnswers = [] }
        engine.writeAnswers()
        finishEvent(drains: false)
    }

    private final var gateway: Gateway { loop.gateway }

    /// Drains if asked to, sends what was written, and lets the woken know.
    private final func finishEvent(drains: Bool) {
        var drains = drains
        var hasMore = false
        repeat {
            if drains, !isStalled { hasMore = mayDrain ? engine.drain() : holdBack() }
            // The event itself may have published to this client: its messages leave with the same flush.
            drains = loop.dispatchWakes(except: id)
        } while drains && !isStalled
        flush()
        if drains, isStalled { engine.stalled() }
        if hasMore, !isStalled, engine.verdict == .open { takeTurn() }
        settle()
    }

    /// Whether messages may be taken from the session, as far as the budget of bytes sent is concerned.
    private final var mayDrain: Bool {
        !loop.egress.isLimited || isFirstInLine || loop.egress.mayGo(engine.transport, loop.now)
    }

    /// Messages stay in the session's log, within its bounds; everything else goes.
    /// - Returns: `false`: there is nothing more to take now.
    private final func holdBack() -> Bool {
        guard engine.heldBack(), !isHeldBack else { return false }
        isHeldBack = true
        loop.holdBack(id, engine.transport)
        return false
    }

    private final func flush() {
        guard let context else { return loop.outbound.reset() }
        let count = loop.outbound.count
        guard count > 0 else { return }
        if loop.egress.isLimited { loop.egress.spend(count, by: engine.transport, loop.now) }
        send(to: context)
    }

    // MARK: - A peer that does not read

    /// What was written has not reached the kernel.
    final func stall() {
        guard !isStalled, context != nil else { return }
        isStalled = true
        stalledSince = loop.now
        if pausesReading { setReading(false) }
    }

    /// Everything that was written has.
    final func resume() {
        guard isStalled else { return engine.flushed() }
        isStalled = false
        if pausesReading { setReading(true) }
        engine.flushed()
        // The last visit may have been put off for as long as a stall may last.
        loop.schedule(self, at: loop.now + LoopState.tick)
        // What waits is taken by a turn of its own: this one may be in the middle of writing.
        takeTurn()
    }

    private final func takeTurn() {
        loop.context.wakes.insert(id)
        loop.dispatchWakes(except: nil)
    }

    /// Carries out the engine's verdict.
    private final func settle() {
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
    private final func setReading(_ isReading: Bool) {
        context?.channel.setOption(.autoRead, value: isReading).whenFailure { _ in }
    }
}
