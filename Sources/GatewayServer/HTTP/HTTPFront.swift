import DequeModule
import GatewayCore
import NIOCore
import NIOHTTP1

/// The first handler of every connection: it reads requests, answers those that need no more than a moment, hands the
/// rest to the API, and gives way to a carrier when a request opens a stream.
final class HTTPFront: LoopMember, ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart
    private typealias Decoder = ByteToMessageHandler<HTTPRequestDecoder>

    let service: GatewaySettings.Service
    private var context: ChannelHandlerContext?
    private let decoder: Decoder
    private let encoder: HTTPResponseEncoder
    private var phase = Phase.idle
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()
    /// Parts of further requests that came before the present one was answered.
    private var waiting = Deque<HTTPServerRequestPart>()
    private var deadline = Instant.zero
    /// Why no request of this connection is served.
    private var refusal: Problem?

    private enum Phase {
        /// Between requests.
        case idle
        /// A request is arriving.
        case receiving
        /// The API works on a request.
        case answering
        /// The last answer has been given, or a stream has begun.
        case ended
    }

    /// The longest request target.
    static let maxTargetLength = 8192
    /// The most bytes that all header lines may have together.
    static let maxHeaderBytes = 16_384

    static func install(on channel: any Channel, service: GatewaySettings.Service, loop: LoopState) throws {
        let front = HTTPFront(service, loop: loop)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(front.encoder)
        try pipeline.addHandler(front.decoder)
        try pipeline.addHandler(front)
    }

    private init(_ service: GatewaySettings.Service, loop: LoopState) {
        self.service = service
        decoder = ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes))
        // Every answer states its own length.
        var framing = HTTPResponseEncoder.Configuration()
        framing.automaticallySetFramingHeaders = false
        encoder = HTTPResponseEncoder(configuration: framing)
        super.init(loop: loop)
    }

    private var gateway: Gateway { loop.gateway }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        refusal = gateway.admission.enter(.http, address: nil)
        deadline = Clock.now + gateway.settings.handshakeTimeout
        loop.enter(self, visitAt: deadline)
        loop.httpConnections += 1
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        if refusal == nil { gateway.admission.left(.http, address: nil) }
        loop.httpConnections -= 1
    }

    func channelInactive(context: ChannelHandlerContext) {
        phase = .ended
        loop.leave(self)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard phase != .ended, let error = error as? HTTPParserError else { return context.close(promise: nil) }
        let problem =
            error == .headerOverflow
            ? Problem(431, "headers_too_large", "the headers are too large")
            : Problem(400, "bad_request", "not an HTTP request: \(error)")
        respond(.problem(problem), closing: true)
    }

    override func visit() -> Instant? {
        guard let context, phase != .ended || loop.now >= deadline else { return deadline }
        guard loop.now >= deadline else { return deadline }
        switch phase {
        case .idle, .ended: context.close(promise: nil)
        case .receiving:
            respond(
                .problem(Problem(408, "timeout", "the request was not complete within listen.handshake_timeout")),
                closing: true)
        case .answering: return loop.now + .seconds(1)
        }
        return loop.now + .seconds(5)
    }

    override func drain() {
        guard phase == .idle else { return }
        context?.close(promise: nil)
    }

    // MARK: - Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        switch phase {
        case .ended: return
        case .answering:
            waiting.append(part)
            // One read's worth of requests may wait; the rest waits in the kernel.
            if waiting.count == 1 { context.channel.setOption(.autoRead, value: false).whenFailure { _ in } }
        case .idle, .receiving: take(part, context)
        }
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
            handle(head, context)
            body = ByteBuffer()
        }
    }

    private var maxBody: Int { gateway.settings.webSocket.maxMessageSize }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        phase = .receiving
        self.head = head
        deadline = Clock.now + gateway.settings.handshakeTimeout
        loop.schedule(self, at: deadline)
        loop.httpRequests += 1
        if let refusal { return respond(.problem(refusal), closing: true) }
        guard head.uri.utf8.count <= Self.maxTargetLength else {
            return respond(
                .problem(Problem(414, "uri_too_long", "the target may have \(Self.maxTargetLength) bytes")),
                closing: true)
        }
        guard head.headers.reduce(0, { $0 + $1.name.utf8.count + $1.value.utf8.count + 4 }) <= Self.maxHeaderBytes
        else {
            return respond(
                .problem(
                    Problem(431, "headers_too_large", "the headers may have \(Self.maxHeaderBytes) bytes together")),
                closing: true)
        }
        if let length = head.headers.first(name: "content-length").flatMap({ Int($0) }), length > maxBody {
            return refuseBody()
        }
        if head.headers.first(name: "expect")?.lowercased() == "100-continue" {
            context.writeAndFlush(
                wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
        }
    }

    private func refuseBody() {
        respond(
            .problem(
                Problem(
                    413, "message_too_large", "a body may have \(maxBody) bytes (transports.websocket.max_message_size)"
                )),
            closing: true)
    }

    private func handle(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        loop.begin()
        let request = FrontRequest(
            head: head, target: RequestTarget(head.uri), body: body, service: service,
            remoteAddress: context.remoteAddress)
        switch gateway.route(request, loop) {
        case .answer(let response):
            respond(response, closing: !head.isKeepAlive, isHead: head.method == .HEAD)
            loop.dispatchWakes(except: nil)
        case .api(let extraHeaders):
            askAPI(request, extraHeaders, context)
        case .stream(let engine, let service):
            open(engine, as: service, context)
        }
    }

    // MARK: - Answers

    private func askAPI(_ request: FrontRequest, _ extraHeaders: HTTPHeaders, _ context: ChannelHandlerContext) {
        phase = .answering
        let apiRequest = APIRequest(
            head: request.head, body: request.body, service: service, remoteAddress: request.remoteAddress)
        let responder = gateway.api.withLock { $0 }
        let front = NIOLoopBound(self, eventLoop: context.eventLoop)
        let isHead = request.head.method == .HEAD
        let closing = !request.head.isKeepAlive
        Task {
            var response =
                await responder?.respond(to: apiRequest) ?? .problem(Problem(503, "overloaded", "not ready"))
            response.headers.add(contentsOf: extraHeaders)
            let answer = response
            front.eventLoop.execute { front.value.finishAnswer(answer, closing: closing, isHead: isHead) }
        }
    }

    private func finishAnswer(_ response: APIResponse, closing: Bool, isHead: Bool) {
        guard phase == .answering, let context else { return }
        loop.begin()
        respond(response, closing: closing, isHead: isHead)
        let resumes = !waiting.isEmpty
        while phase == .idle || phase == .receiving, let part = waiting.popFirst() { take(part, context) }
        if resumes, waiting.isEmpty { context.channel.setOption(.autoRead, value: true).whenFailure { _ in } }
    }

    private func respond(_ response: APIResponse, closing: Bool, isHead: Bool = false) {
        guard let context, phase != .ended else { return }
        let closing = closing || gateway.currentPhase > .serving
        var head = HTTPResponseHead(version: .http1_1, status: response.status, headers: response.headers)
        if response.status != .noContent, response.status != .notModified {
            head.headers.replaceOrAdd(name: "content-length", value: "\(response.body.readableBytes)")
        }
        if closing { head.headers.replaceOrAdd(name: "connection", value: "close") }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !isHead, response.body.readableBytes > 0 {
            context.write(wrapOutboundOut(.body(.byteBuffer(response.body))), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        let now = Clock.now
        if closing {
            phase = .ended
            deadline = now + .seconds(2)
            // The peer may still be sending what nobody wants; an abrupt close would take the answer back.
            context.close(mode: .output, promise: nil)
        } else {
            phase = .idle
            deadline = now + gateway.settings.keepAliveTimeout
        }
        loop.schedule(self, at: deadline)
    }

    /// A stream begins: this handler and the decoder give way.
    private func open(_ engine: ConnectionEngine, as service: GatewaySettings.Service, _ context: ChannelHandlerContext)
    {
        if let problem = gateway.admission.enter(service, address: context.remoteAddress) {
            return respond(.problem(problem), closing: true)
        }
        phase = .ended
        gateway.connectionOpened(engine, on: loop, address: context.remoteAddress)
        let carrier = ChannelCarrier(engine, loop: loop)
        loop.replace(self, with: carrier, visitAt: loop.now + LoopState.tick)
        let pipeline = context.pipeline.syncOperations
        do {
            try pipeline.addHandler(carrier)
        } catch {
            return context.close(promise: nil)
        }
        pipeline.removeHandler(self, promise: nil)
        pipeline.removeHandler(encoder, promise: nil)
        // Bytes behind the request go to the carrier with this.
        pipeline.removeHandler(decoder, promise: nil)
        carrier.start()
    }
}
