import GatewayCore
import NIOCore
import NIOHTTP1

/// How a request becomes a stream: somebody may be asked, it may have to wait for its turn, and then this handler gives
/// way to a carrier.
extension HTTPFront {
    /// Lets a stream begin when whoever is asked about its client permits it.
    func ask(
        _ inquiry: LifecycleInquiry?, _ context: ChannelHandlerContext,
        then begin: @escaping (ChannelHandlerContext) -> Void
    ) {
        guard let inquiry else { return begin(context) }
        phase = .answering
        waitingStream = begin
        let front = NIOLoopBound(self, eventLoop: context.eventLoop)
        gateway.ask(inquiry) { problem in front.eventLoop.execute { front.value.permit(problem) } }
    }

    private func permit(_ problem: Problem?) {
        guard let begin = waitingStream else { return }
        waitingStream = nil
        guard phase == .answering, let context else { return }
        loop.begin()
        if let problem { return respond(.problem(problem), closing: true) }
        guard gateway.admitsClients else {
            return respond(.problem(gateway.admission.later(.draining)), closing: true)
        }
        begin(context)
    }

    /// Lets a stream begin when its turn has come.
    func pace(_ context: ChannelHandlerContext, _ begin: @escaping (ChannelHandlerContext) -> Void) {
        // The handshake of TLS had to wait already.
        if arrival.hasTurn {
            arrival.hasTurn = false
            return begin(context)
        }
        let now = loop.now
        switch gateway.admission.pace(now: now, chance: loop.context.identifiers.next()) {
        case .now: begin(context)
        case .at(let time): wait(until: time, context, then: begin)
        case .refused(let time, let span):
            wait(until: time, context) { [self] _ in
                respond(.problem(.tooManyHandshakes(retryAfter: span)), closing: true)
            }
        }
    }

    private func wait(
        until time: Instant, _ context: ChannelHandlerContext, then work: @escaping (ChannelHandlerContext) -> Void
    ) {
        guard time > loop.now else { return work(context) }
        phase = .answering
        deadline = time + gateway.settings.handshakeTimeout
        context.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds((time - loop.now).nanoseconds)) { [self] in
            guard phase == .answering, let context = self.context else { return }
            loop.begin()
            guard gateway.admitsClients else {
                return respond(.problem(gateway.admission.later(.draining)), closing: true)
            }
            work(context)
        }
    }

    /// A stream begins: this handler and the decoder give way.
    /// - Parameter isParserPaused: whether the decoder has stopped behind this request, and forwards what follows as
    ///   bytes; otherwise it goes on with the bytes in hand, and what it finds in them ends here.
    func open(
        _ engine: ConnectionEngine, as service: GatewaySettings.Service, isParserPaused: Bool,
        _ context: ChannelHandlerContext
    ) {
        guard context.channel.isActive else { return phase = .ended }
        // Whom a proxy named is counted now; everybody else has been from the beginning.
        let isNamed = arrival.countedAddress == nil && !gateway.peers.isTrusted(engine.address)
        if isNamed, let problem = gateway.admission.claim(address: engine.address) {
            return respond(.problem(problem), closing: true)
        }
        if let problem = gateway.admission.turn(.http, into: service, isKept: engine.isWantedInEveryMode) {
            if isNamed { gateway.admission.release(address: engine.address) }
            return respond(.problem(problem), closing: true)
        }
        arrival.isCounted = false
        engine.isAddressCounted = isNamed || arrival.countedAddress != nil
        if service == .webSocket, !gateway.settings.tcpNoDelay {
            context.channel.setOption(.tcpOption(.tcp_nodelay), value: 0).whenFailure { _ in }
        }
        let carrier =
            arrival.link == .plain ? ChannelCarrier(engine, loop: loop) : PipelineCarrier(engine, loop: loop)
        give(way: carrier, to: engine, as: service, isParserPaused: isParserPaused, context)
    }

    private func give(
        way carrier: EngineCarrier, to engine: ConnectionEngine, as service: GatewaySettings.Service,
        isParserPaused: Bool, _ context: ChannelHandlerContext
    ) {
        let pipeline = context.pipeline.syncOperations
        do {
            if arrival.link == .stream { try pipeline.addHandler(HTTP2StreamAdapter()) }
            try pipeline.addHandler(carrier)
        } catch {
            phase = .ended
            gateway.admission.left(service, address: engine.isAddressCounted ? engine.address : nil)
            return context.close(promise: nil)
        }
        phase = .gone
        output?.flush()
        carrier.isBehindOthers = output?.isHeld ?? false
        gateway.connectionOpened(engine, on: loop)
        // The channel knows it: a copy for each connection would be kept as long as that.
        if arrival.link == .plain, engine.address == context.remoteAddress, !gateway.settings.hooks.isUsed {
            engine.address = nil
        }
        loop.replace(self, with: carrier, visitAt: loop.now + LoopState.tick)
        if !waiting.isEmpty {
            waiting.removeAll()
            context.channel.setOption(.autoRead, value: true).whenFailure { _ in }
        }
        guard let codec else {
            pipeline.removeHandler(self, promise: nil)
            return carrier.start()
        }
        pipeline.removeHandler(codec.encoder, promise: nil)
        if let repeated { pipeline.removeHandler(repeated, promise: nil) }
        if isParserPaused {
            pipeline.removeHandler(self, promise: nil)
            pipeline.removeHandler(codec.decoder, promise: nil)
            return carrier.start()
        }
        // The decoder leaves when it is done with the bytes in hand.
        let front = NIOLoopBound(self, eventLoop: context.eventLoop)
        pipeline.removeHandler(codec.decoder).whenComplete { _ in
            guard let context = front.value.context else { return }
            context.pipeline.syncOperations.removeHandler(front.value, promise: nil)
        }
        carrier.start()
    }
}
