import GatewayCore
import NIOCore
import NIOSSL
import NIOTLS

/// What comes before the first request where a connection does not begin with it: the PROXY header of a trusted proxy,
/// the wait for a turn, and the TLS handshake. Then it makes way.
final class ConnectionPrelude: LoopMember, ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let service: GatewaySettings.Service
    private let identity: TLSIdentity?
    private var context: ChannelHandlerContext?
    private var encryption: NIOSSLServerHandler?
    private var arrival = Arrival()
    private var phase = Phase.beginning
    /// Bytes that have come and belong to what follows.
    private var held = ByteBuffer()

    private enum Phase {
        case beginning
        /// The proxy's header is arriving.
        case header
        /// TLS may not begin yet.
        case waiting
        /// TLS has begun.
        case encrypting
        case ended
    }

    /// Adds what a connection needs before its first request, and whoever takes that.
    static func install(
        on channel: any Channel, service: GatewaySettings.Service, identity: TLSIdentity?, loop: LoopState
    ) throws {
        guard identity != nil || loop.gateway.settings.proxyProtocol else {
            return try HTTPFront.install(on: channel, service: service, loop: loop)
        }
        try channel.pipeline.syncOperations.addHandler(ConnectionPrelude(service, identity, loop: loop))
    }

    private init(_ service: GatewaySettings.Service, _ identity: TLSIdentity?, loop: LoopState) {
        self.service = service
        self.identity = identity
        super.init(loop: loop)
    }

    private var gateway: Gateway { loop.gateway }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let deadline = Clock.now + gateway.settings.handshakeTimeout
        arrival.deadline = deadline
        loop.enter(self, visitAt: deadline)
        if context.channel.isActive { begin(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        if arrival.isCounted { gateway.admission.left(.http, address: arrival.countedAddress) }
        arrival.isCounted = false
    }

    func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        phase = .ended
        loop.leave(self)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A handshake that fails says so by a TLS alert, which has been sent.
        guard phase != .ended else { return context.fireErrorCaught(error) }
        gateway.logger.debug(
            "handshake failed",
            metadata: ["address": "\(arrival.address?.ipAddress ?? "-")", "error": "\(error)"])
        context.close(promise: nil)
    }

    override func visit() -> Instant? {
        guard let deadline = arrival.deadline, loop.now < deadline else {
            abort()
            return nil
        }
        return deadline
    }

    override func drain() { abort() }

    /// Closes the socket itself: TLS would wait for the peer's goodbye, for which this one has had its time.
    private func abort() {
        guard let context else { return }
        if let encryption, let inner = try? context.pipeline.syncOperations.context(handler: encryption) {
            inner.close(promise: nil)
        } else {
            context.close(promise: nil)
        }
    }

    // MARK: - Where it comes from

    private func begin(_ context: ChannelHandlerContext) {
        guard phase == .beginning else { return }
        arrival.address = context.remoteAddress
        let isProxy = gateway.peers.isTrusted(arrival.address)
        // A proxy stands for many clients, each of which is counted when it is known.
        arrival.countedAddress = isProxy ? nil : arrival.address
        if let problem = gateway.admission.enter(address: arrival.countedAddress) { return refuse(problem) }
        arrival.isCounted = true
        if isProxy, gateway.settings.proxyProtocol {
            phase = .header
        } else {
            takeTurn(context)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch phase {
        case .encrypting, .ended: context.fireChannelRead(data)
        case .beginning, .waiting:
            held.writeImmutableBuffer(unwrapInboundIn(data))
            // The rest waits in the kernel.
            context.channel.setOption(.autoRead, value: false).whenFailure { _ in }
        case .header:
            held.writeImmutableBuffer(unwrapInboundIn(data))
            readHeader(context)
        }
    }

    private func readHeader(_ context: ChannelHandlerContext) {
        switch held.withUnsafeReadableBytes({ ProxyHeader.parse($0) }) {
        case .incomplete: return
        case .invalid:
            gateway.logger.warning(
                "a trusted proxy sent no PROXY header",
                metadata: ["address": "\(context.remoteAddress?.ipAddress ?? "-")"])
            context.close(promise: nil)
        case .header(let header):
            held.moveReaderIndex(forwardBy: header.length)
            if let source = header.source {
                let address = SocketAddress(source.address, port: source.port)
                arrival.address = address
                if !gateway.peers.isTrusted(address) {
                    if let problem = gateway.admission.claim(address: address) { return refuse(problem) }
                    arrival.countedAddress = address
                }
            }
            takeTurn(context)
        }
    }

    /// There is no place for it. Whoever came for TLS is not told: the handshake would cost what is to be saved.
    private func refuse(_ problem: Problem) {
        guard let context else { return }
        guard identity == nil else { return context.close(promise: nil) }
        arrival.problem = problem
        makeWay(context) { try HTTPFront.install(on: context.channel, service: service, loop: loop, arrival: $0) }
    }

    // MARK: - Encryption

    /// TLS handshakes are what costs when everybody comes back at once: they are paced before they begin.
    private func takeTurn(_ context: ChannelHandlerContext) {
        guard identity != nil else {
            return makeWay(context) {
                try HTTPFront.install(on: context.channel, service: service, loop: loop, arrival: $0)
            }
        }
        let now = Clock.now
        switch gateway.admission.pace(now: now, chance: loop.context.identifiers.next()) {
        case .now: encrypt(context)
        case .at(let time): wait(until: time, now) { $0.encrypt($1) }
        case .refused(let time, _): wait(until: time, now) { $1.close(promise: nil) }
        }
    }

    private func wait(
        until time: Instant, _ now: Instant,
        then work: @escaping @Sendable (ConnectionPrelude, ChannelHandlerContext) -> Void
    ) {
        guard let context else { return }
        phase = .waiting
        arrival.deadline = time + gateway.settings.handshakeTimeout
        let prelude = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: .nanoseconds((time - now).nanoseconds)) {
            guard prelude.value.phase == .waiting, let context = prelude.value.context else { return }
            work(prelude.value, context)
        }
    }

    private func encrypt(_ context: ChannelHandlerContext) {
        guard let identity else { return }
        arrival.hasTurn = true
        arrival.link = .secured
        let encryption = NIOSSLServerHandler(context: identity.context)
        self.encryption = encryption
        let pipeline = context.pipeline.syncOperations
        do {
            try pipeline.addHandler(encryption, position: .before(self))
        } catch {
            return context.close(promise: nil)
        }
        phase = .encrypting
        let held = held
        self.held = ByteBuffer()
        if held.readableBytes > 0 {
            pipeline.fireChannelRead(NIOAny(held))
            pipeline.fireChannelReadComplete()
        }
        guard self.context != nil else { return }
        context.channel.setOption(.autoRead, value: true).whenFailure { _ in }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard phase == .encrypting, case TLSUserEvent.handshakeCompleted(let chosen)? = event as? TLSUserEvent else {
            return context.fireUserInboundEventTriggered(event)
        }
        makeWay(context) { arrival in
            if chosen == "h2" {
                try HTTP2Connection.install(on: context.channel, service: service, loop: loop, arrival: arrival)
            } else {
                try HTTPFront.install(on: context.channel, service: service, loop: loop, arrival: arrival)
            }
        }
    }

    /// Hands the connection on, with what has come of it.
    private func makeWay(_ context: ChannelHandlerContext, _ install: (Arrival) throws -> Void) {
        phase = .ended
        loop.leave(self)
        let successor = arrival
        // Whoever comes next counts it out.
        arrival.isCounted = false
        do {
            try install(successor)
        } catch {
            arrival.isCounted = successor.isCounted
            return context.close(promise: nil)
        }
        if held.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(held)) }
        guard self.context != nil else { return }
        context.fireChannelReadComplete()
        guard self.context != nil else { return }
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }
}
