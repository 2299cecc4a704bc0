import DequeModule
import GatewayCore
import NIOCore
import NIOHTTP1

/// The first handler of every connection: it reads requests, answers those that need no more than a moment, hands the
/// rest to the API, and gives way to a carrier when a request opens a stream.
final class HTTPFront: LoopMember, ChannelInboundHandler, RemovableChannelHandler, ExchangeCarrier {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart
    typealias Decoder = ByteToMessageHandler<HTTPRequestDecoder>

    let service: GatewaySettings.Service
    private(set) var context: ChannelHandlerContext?
    /// What leads past the encoder, once an answer has been written.
    private(set) var output: SocketOutput?
    /// Where that enters the pipeline.
    private var pastEncoder: ChannelHandlerContext?
    /// HTTP/1.1 on the bytes of a connection; a stream of HTTP/2 brings its own.
    let codec: (decoder: Decoder, encoder: HTTPResponseEncoder)?
    var arrival: Arrival
    var phase = Phase.idle
    private(set) var head: HTTPRequestHead?
    private var body = ByteBuffer()
    /// Parts of further requests that came before the present one was answered.
    var waiting = Deque<HTTPServerRequestPart>()
    private var isTakingWaiting = false
    var deadline = Instant.zero
    /// What the parser found behind a request that is being answered; it is told after that answer.
    private var parserProblem: Problem?
    /// The poll that is being answered.
    var poll: LongPollCall?
    /// The most bytes that the present request's body may have.
    private var maxBody = 0
    /// Whether the answer that is waited for is the connection's last.
    var closesAfterAnswer = false
    /// The request that an endpoint works on.
    var exchange: Exchange?
    /// Begins the stream whose client somebody is asked about.
    var waitingStream: ((ChannelHandlerContext) -> Void)?
    /// Who sent it.
    var exchangePrincipal: Principal?
    /// Recognises what the client of an endpoint says again and again.
    private(set) var repeated: RepeatedRequests?
    /// Whether the head that the parser finds next is to be noted, and what it was.
    var notesHead = false
    private(set) var notedHead: HTTPRequestHead?
    /// The target of the request that is arriving, if it has been read before.
    private var knownTarget: RequestTarget?
    /// What is known of that request.
    var exchangeTraits = (isClosing: false, isHead: false, isOldVersion: false)

    enum Phase {
        /// Between requests.
        case idle
        /// A request is arriving.
        case receiving
        /// The API works on a request, what it brought is being stored, or it waits for its turn.
        case answering
        /// The last answer has been given; what still comes is ignored.
        case ended
        /// A stream has begun; this handler only waits for the decoder to leave.
        case gone
    }

    /// The longest request target.
    static let maxTargetLength = 8192
    /// The most bytes that all header lines may have together.
    static let maxHeaderBytes = 16_384
    /// The most bytes that the parser may hold back.
    private static let maxBufferedBytes = 131_072

    static func install(
        on channel: any Channel, service: GatewaySettings.Service, loop: LoopState, arrival: Arrival = Arrival()
    ) throws {
        let front = HTTPFront(service, arrival, loop: loop)
        let pipeline = channel.pipeline.syncOperations
        if let codec = front.codec {
            try pipeline.addHandler(codec.encoder)
            try pipeline.addHandler(codec.decoder)
        }
        try pipeline.addHandler(front)
    }

    private init(_ service: GatewaySettings.Service, _ arrival: Arrival, loop: LoopState) {
        self.service = service
        self.arrival = arrival
        codec = arrival.link == .stream ? nil : Self.codec()
        super.init(loop: loop)
    }

    private static func codec() -> (decoder: Decoder, encoder: HTTPResponseEncoder) {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderListSize = Self.maxHeaderBytes
        let decoder = ByteToMessageHandler(
            HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: limits),
            maximumBufferSize: Self.maxBufferedBytes)
        // Every answer states its own length.
        var framing = HTTPResponseEncoder.Configuration()
        framing.automaticallySetFramingHeaders = false
        return (decoder, HTTPResponseEncoder(configuration: framing))
    }

    /// What takes bytes past the encoder; none on a stream of HTTP/2.
    func pastEncoder(_ context: ChannelHandlerContext) -> (ChannelHandlerContext, SocketOutput)? {
        if let pastEncoder, let output { return (pastEncoder, output) }
        guard let codec, let past = try? context.pipeline.syncOperations.context(handler: codec.encoder) else {
            return nil
        }
        let output = SocketOutput(past, isBare: arrival.link == .plain, turn: loop.answers)
        pastEncoder = past
        self.output = output
        return (past, output)
    }

    var gateway: Gateway { loop.gateway }

    /// Whether this is one stream of an HTTP/2 connection.
    var isStream: Bool { arrival.link == .stream }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        deadline = arrival.deadline ?? Clock.now + gateway.settings.handshakeTimeout
        loop.enter(self, visitAt: deadline)
        if context.channel.isActive { admit(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        admit(context)
        context.fireChannelActive()
    }

    /// Counts the connection in, or tells it at once that there is no place for it.
    private func admit(_ context: ChannelHandlerContext) {
        guard phase == .idle else { return }
        if let problem = arrival.problem { return respond(.problem(problem), closing: true) }
        guard !arrival.isCounted else { return }
        if arrival.address == nil { arrival.address = context.remoteAddress }
        // A proxy stands for many clients, each of which is counted when it opens a stream.
        arrival.countedAddress = gateway.peers.isTrusted(arrival.address) ? nil : arrival.address
        if let problem = gateway.admission.enter(address: arrival.countedAddress) {
            respond(.problem(problem), closing: true)
        } else {
            arrival.isCounted = true
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        pastEncoder = nil
        output = nil
        repeated = nil
        // A stream that ends before it begins is never told that it is inactive.
        loop.leave(self)
        if arrival.isCounted { gateway.admission.left(.http, address: arrival.countedAddress) }
        arrival.isCounted = false
    }

    func channelInactive(context: ChannelHandlerContext) {
        if phase != .gone { phase = .ended }
        if let poll { gateway.abandon(poll) }
        poll = nil
        loop.leave(self)
        if let exchange {
            self.exchange = nil
            loop.begin()
            exchange.connectionClosed()
        }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if phase == .gone {
            // What the decoder still finds behind the request is nobody's business any more.
            return error is HTTPParserError ? () : context.fireErrorCaught(error)
        }
        guard phase != .ended, let error = error as? HTTPParserError else {
            // Already ending: a late complaint of TLS must not take the answer back.
            return phase == .ended && arrival.link == .secured ? () : context.close(promise: nil)
        }
        gateway.accessGuard.refusals.count(error == .headerOverflow ? .headersTooLarge : .malformedRequest)
        gateway.accessGuard.note(.protocolError, arrival.address)
        let problem =
            error == .headerOverflow
            ? Problem(431, "headers_too_large", "the headers may have \(Self.maxHeaderBytes) bytes together")
            : Problem(400, "bad_request", "not an HTTP request: \(error)")
        if phase == .answering { parserProblem = problem } else { respond(.problem(problem), closing: true) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { takeWaiting(context) }
        context.fireChannelWritabilityChanged()
    }

    override func visit() -> Instant? {
        guard let context, loop.now >= deadline else { return deadline }
        switch phase {
        case .gone: return nil
        case .idle, .ended: context.close(promise: nil)
        case .receiving:
            gateway.accessGuard.refusals.count(.requestTimeout)
            respond(
                .problem(Problem(408, "timeout", "the request was not complete within listen.handshake_timeout")),
                closing: true)
        case .answering: return loop.now + .seconds(1)
        }
        return loop.now + .seconds(5)
    }

    override var hasChannel: Bool { context != nil && !isStream }

    override func drain() {
        guard phase == .idle else { return }
        output?.flush()
        context?.close(promise: nil)
    }

    override func checkRevocation() {
        // The answer may be a stream that goes on for ever.
        guard let exchange, let exchangePrincipal, gateway.gatekeeper.isRevoked(exchangePrincipal) else { return }
        gateway.gatekeeper.countEnding(.revoked)
        self.exchange = nil
        exchange.connectionClosed()
        output?.flush()
        context?.close(promise: nil)
    }

    // MARK: - Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Behind a stream's request the decoder also forwards bytes that are no parts: not even looked at.
        guard phase != .gone else { return }
        let part = unwrapInboundIn(data)
        switch phase {
        case .ended, .gone: return
        case .idle, .receiving, .answering:
            // One request after the other, and none before the peer has read the answers to those before.
            guard phase == .answering || !waiting.isEmpty || phase == .idle && !context.channel.isWritable else {
                return take(part, context)
            }
            waiting.append(part)
            // What one read has brought may wait here; the rest waits in the kernel.
            if waiting.count == 1 { context.channel.setOption(.autoRead, value: false).whenFailure { _ in } }
        }
    }

    private func takeWaiting(_ context: ChannelHandlerContext) {
        guard !waiting.isEmpty, !isTakingWaiting else { return }
        isTakingWaiting = true
        defer { isTakingWaiting = false }
        while phase == .receiving || phase == .idle && context.channel.isWritable, let part = waiting.popFirst() {
            take(part, context)
        }
        if phase == .ended || phase == .gone { waiting.removeAll() }
        if waiting.isEmpty { context.channel.setOption(.autoRead, value: true).whenFailure { _ in } }
    }

    /// Takes up what came behind a request that has been answered.
    func goOn(_ context: ChannelHandlerContext) {
        takeWaiting(context)
        if let parserProblem, waiting.isEmpty { respond(.problem(parserProblem), closing: true) }
    }

    private func take(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch part {
        case .head(let head): begin(head, context)
        case .body(var bytes):
            guard phase == .receiving else { return }
            guard body.readableBytes + bytes.readableBytes <= maxBody else { return refuseBody() }
            if body.readableBytes == 0 { body = bytes } else { body.writeBuffer(&bytes) }
        case .end:
            guard phase == .receiving, let head else { return }
            self.head = nil
            let target = knownTarget.take() ?? RequestTarget(head.uri)
            // The parser stops at a request for another protocol; if it stays HTTP, another connection must go on.
            let closing = isStream || !head.isKeepAlive || head.asksForUpgrade
            handle(head, target, body, closing: closing, context)
            body = ByteBuffer()
        }
    }

    private func begin(_ arrived: HTTPRequestHead, _ context: ChannelHandlerContext) {
        var head = arrived
        head.trimValues()
        phase = .receiving
        self.head = head
        if notesHead { notedHead = head }
        let isLongPoll = head.uri.hasPrefix(Gateway.longPollPath)
        maxBody =
            isLongPoll ? gateway.settings.longPoll.maxBodySize : gateway.settings.webSocket.maxMessageSize
        deadline = Clock.now + gateway.settings.handshakeTimeout
        loop.schedule(self, at: deadline)
        guard head.uri.utf8.count <= Self.maxTargetLength else {
            return respond(
                .problem(Problem(414, "uri_too_long", "the target may have \(Self.maxTargetLength) bytes")),
                closing: true)
        }
        // What a field costs beside its letters: RFC 9113 §6.5.2, or a colon, a space and a line end.
        let (limit, cost) =
            arrival.link == .stream ? (gateway.settings.http2.maxHeaderListSize, 32) : (Self.maxHeaderBytes, 4)
        guard head.headers.reduce(0, { $0 + $1.name.utf8.count + $1.value.utf8.count + cost }) <= limit else {
            gateway.accessGuard.refusals.count(.headersTooLarge)
            return respond(
                .problem(Problem(431, "headers_too_large", "the headers may have \(limit) bytes together")),
                closing: true)
        }
        // RFC 9112 §3.2: without exactly one, whoever stands in front may take the request for another host's.
        let hosts = head.headers.reduce(0) { $0 + ($1.name.utf8.count == 4 && $1.name.lowercased() == "host" ? 1 : 0) }
        guard hosts == 1 || isStream || hosts == 0 && head.version.minor == 0 else {
            gateway.accessGuard.refusals.count(.malformedRequest)
            return respond(
                .problem(Problem(400, "bad_request", "a request has one Host (RFC 9112 3.2)")), closing: true)
        }
        if let length = head.headers.first(name: "content-length").flatMap({ Int($0) }), length > maxBody {
            return refuseBody()
        }
        if head.headers.first(name: "expect")?.lowercased() == "100-continue" {
            output?.flush()
            context.writeAndFlush(
                wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
            output?.follow()
        }
    }

    private func refuseBody() {
        gateway.accessGuard.refusals.count(.messageTooLarge)
        let isLongPoll = head?.uri.hasPrefix(Gateway.longPollPath) == true
        let key = isLongPoll ? "longpoll.max_body_size" : "max_message_size"
        let problem = Problem(
            413, "message_too_large", "a body may have \(maxBody) bytes (transports.websocket.\(key))")
        respond(isLongPoll ? LongPollAnswer.problem(problem, isPoll: false) : .problem(problem), closing: true)
    }

    private func handle(
        _ head: HTTPRequestHead, _ target: RequestTarget, _ body: ByteBuffer, closing: Bool,
        _ context: ChannelHandlerContext
    ) {
        loop.begin()
        let origin = gateway.peers.origin(of: head.headers, peer: arrival.address)
        var request = FrontRequest(
            head: head, target: target, body: body, service: service,
            remoteAddress: origin.address, isSecure: origin.isSecure ?? (arrival.link != .plain),
            front: NIOLoopBound(self, eventLoop: context.eventLoop))
        request.identity = gateway.identify(request, loop)
        decide(request, closing: closing, context)
    }

    // MARK: - Requests that begin like the one before

    /// An endpoint's clients say the same heads over and over.
    func rememberHeads(_ context: ChannelHandlerContext) {
        guard let codec else { return }
        let requests = RepeatedRequests(self)
        repeated = requests
        try? context.pipeline.syncOperations.addHandler(requests, position: .before(codec.decoder))
    }

    /// Whether a request could be handled at once.
    var isReady: Bool { phase == .idle && waiting.isEmpty && context?.channel.isWritable == true }

    /// Whether a body of an endpoint's request may be as long.
    func takes(_ bodyLength: Int) -> Bool { bodyLength <= gateway.settings.webSocket.maxMessageSize }

    /// The head that the parser has found, if it found one.
    func takeNotedHead() -> HTTPRequestHead? { notedHead.take() }

    /// A whole request, the head of which has been seen before.
    func takeRepeated(_ head: HTTPRequestHead, _ target: RequestTarget, _ body: ByteBuffer) {
        guard phase == .idle, let context else { return }
        phase = .receiving
        handle(head, target, body, closing: false, context)
    }

    /// A request begins, the head of which has been seen before.
    func beginRepeated(_ head: HTTPRequestHead, _ target: RequestTarget) {
        guard phase == .idle else { return }
        phase = .receiving
        self.head = head
        knownTarget = target
        maxBody = gateway.settings.webSocket.maxMessageSize
        deadline = Clock.now + gateway.settings.handshakeTimeout
        loop.schedule(self, at: deadline)
    }

    /// What follows it.
    func takeRepeated(_ part: HTTPServerRequestPart) {
        // It has been answered before it was complete: nobody wants the rest.
        guard phase == .receiving, let context else { return }
        take(part, context)
    }
}
