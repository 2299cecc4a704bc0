public import GatewayCore
public import NIOCore
public import NIOHTTP1

/// A whole request for an endpoint that answers on the connection's own event loop.
public struct EndpointRequest: Sendable {
    public let head: HTTPRequestHead
    /// The target without its query.
    public let path: String
    public let body: ByteBuffer
    public let remoteAddress: SocketAddress?
    /// Who sent it.
    public let caller: Caller
    private let target: RequestTarget

    init(_ request: FrontRequest) {
        caller = Caller(request.identity, authorization: request.head.headers.first(name: "authorization"))
        head = request.head
        path = request.target.path
        body = request.body
        remoteAddress = request.remoteAddress
        target = request.target
    }

    /// The first value of a parameter of the query.
    public func query(_ name: String) -> String? { target[name] }
}

/// Answers requests on the event loop that their connections live on: no actor, no task, no hop. One instance belongs to
/// one event loop.
public protocol LoopEndpoint: AnyObject {
    /// A request has come. It is answered through `exchange`, now or later.
    func handle(_ request: EndpointRequest, _ exchange: Exchange)

    /// A connection that carries whole messages in both directions has begun.
    func open(_ pipe: MessagePipe, _ request: MessagePipeRequest)

    /// How many bytes may wait for a connection that carries messages when one more comes.
    var maxUnsentBytes: Int { get }

    /// The gateway shuts down: refuse what is new, and go on with what is under way.
    /// - Returns: what ends each stream that only waits for news, to be called one after the other with the time that its
    ///   client is to wait before it comes back.
    func drain() -> [(Instant.Span) -> Void]

    /// Requests that are not answered yet.
    var openRequests: Int { get }

    /// Requests are not waited for any longer.
    /// - Returns: what ends each stream that is left, to be called in the same way.
    func remainingStreams() -> [(Instant.Span) -> Void]

    /// The event loop is about to end: let go of everything.
    func stop()
}

/// Makes the endpoints of the event loops, and says which paths are theirs.
public protocol EndpointProvider: Sendable {
    /// Whether requests for `path` are for these endpoints.
    func serves(path: String, on service: GatewaySettings.Service) -> Bool

    /// The subprotocol of the WebSockets at `path` that carry messages to and from these endpoints; `nil` if there are none.
    func subprotocol(path: String, on service: GatewaySettings.Service) -> String?

    /// Called once for each event loop, on it.
    func makeEndpoint(on eventLoop: any EventLoop, index: Int, gateway: Gateway) -> any LoopEndpoint
}

/// Whoever owns an exchange that is not over yet.
public protocol ExchangeOwner: AnyObject {
    /// The connection has gone before the answer was complete.
    func exchangeClosed(_ exchange: Exchange)
}

/// Where answers of an exchange go.
protocol ExchangeCarrier: AnyObject {
    func finish(_ exchange: Exchange, _ response: APIResponse)
    func beginStream(_ exchange: Exchange, _ headers: HTTPHeaders)
    func writeStream(_ bytes: ByteBuffer, _ promise: EventLoopPromise<Void>)
    func endStream(_ exchange: Exchange)
    func abort()
}

/// One request that waits for its answer: whole, or as a stream in pieces. Used on one event loop only: that of the
/// connection, unless it has moved.
public final class Exchange {
    /// Where answers go, until it is over: carrier and exchange know each other no longer than that.
    private var front: (any ExchangeCarrier)?
    /// The owner is told when the connection goes away. It is let go of when the exchange is over.
    public var owner: (any ExchangeOwner)?
    /// The event loop on which it is used.
    public let eventLoop: any EventLoop
    /// Headers that every answer carries beside its own.
    let extraHeaders: HTTPHeaders
    private var phase = Phase.waiting
    /// Bytes of the stream that have not reached the kernel.
    public private(set) var unsentBytes = 0

    private enum Phase { case waiting, streaming, over }

    init(_ front: any ExchangeCarrier, extraHeaders: HTTPHeaders, eventLoop: any EventLoop) {
        self.front = front
        self.extraHeaders = extraHeaders
        self.eventLoop = eventLoop
    }

    /// Whether something can still be written.
    public var isOpen: Bool { phase != .over }

    /// Lets another event loop answer; nothing may be done here any more.
    public func move(to other: any EventLoop, _ body: @escaping @Sendable (Exchange) -> Void) {
        let relay = ExchangeRelay(self, to: other)
        owner = relay
        relay.begin(body)
    }

    /// Adds a piece that was written on another event loop.
    fileprivate func write(_ bytes: ByteBuffer, _ promise: EventLoopPromise<Void>) {
        guard phase == .streaming, let front else { return promise.fail(ChannelError.ioOnClosedChannel) }
        front.writeStream(bytes, promise)
    }

    /// Answers in one piece.
    public func respond(_ response: APIResponse) {
        guard phase == .waiting else { return }
        let front = close()
        guard !extraHeaders.isEmpty else {
            front?.finish(self, response)
            return
        }
        var response = response
        response.headers.add(contentsOf: extraHeaders)
        front?.finish(self, response)
    }

    /// It is over: whoever was needed for it is let go of.
    /// - Returns: where a last word goes.
    private func close() -> (any ExchangeCarrier)? {
        phase = .over
        owner = nil
        return front.take()
    }

    /// Begins an answer in pieces.
    public func beginStream(_ headers: HTTPHeaders) {
        guard phase == .waiting else { return }
        phase = .streaming
        var headers = headers
        headers.add(contentsOf: extraHeaders)
        front?.beginStream(self, headers)
    }

    /// Adds a piece and sends it.
    public func write(_ bytes: ByteBuffer) {
        guard phase == .streaming, bytes.readableBytes > 0 else { return }
        let count = bytes.readableBytes
        unsentBytes += count
        let promise = eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { _ in self.unsentBytes -= count }
        guard let front else { return promise.fail(ChannelError.ioOnClosedChannel) }
        front.writeStream(bytes, promise)
    }

    /// Ends an answer in pieces; the connection may carry another request.
    public func end() {
        guard phase == .streaming else { return }
        close()?.endStream(self)
    }

    /// Cuts the connection: what was written is not whole, and the client is to see that.
    public func abort() {
        guard phase != .over else { return }
        close()?.abort()
    }

    /// The connection has gone.
    func connectionClosed() {
        guard phase != .over else { return }
        let owner = owner
        _ = close()
        owner?.exchangeClosed(self)
    }
}

/// Carries an exchange between two event loops: the connection lives on one, whoever answers on the other.
private final class ExchangeRelay: ExchangeOwner {
    private let near: NIOLoopBound<Exchange>
    private let other: any EventLoop
    private let far: FarSide

    /// What is used on the other event loop, and only there but for being made.
    private final class FarSide: ExchangeCarrier, @unchecked Sendable {
        // Made before the first task for the other event loop, and touched by nothing but such tasks afterwards.
        var exchange: Exchange?
        let near: NIOLoopBound<Exchange>

        init(_ near: NIOLoopBound<Exchange>) { self.near = near }

        private func send(_ body: @escaping @Sendable (Exchange) -> Void) {
            let near = near
            near.eventLoop.execute { body(near.value) }
        }

        func finish(_ exchange: Exchange, _ response: APIResponse) {
            self.exchange = nil
            send { $0.respond(response) }
        }

        func beginStream(_ exchange: Exchange, _ headers: HTTPHeaders) { send { $0.beginStream(headers) } }

        func writeStream(_ bytes: ByteBuffer, _ promise: EventLoopPromise<Void>) { send { $0.write(bytes, promise) } }

        func endStream(_ exchange: Exchange) {
            self.exchange = nil
            send { $0.end() }
        }

        func abort() {
            exchange = nil
            send { $0.abort() }
        }
    }

    init(_ exchange: Exchange, to other: any EventLoop) {
        near = NIOLoopBound(exchange, eventLoop: exchange.eventLoop)
        self.other = other
        far = FarSide(near)
    }

    func begin(_ body: @escaping @Sendable (Exchange) -> Void) {
        let far = far
        let other = other
        other.execute {
            let exchange = Exchange(far, extraHeaders: [:], eventLoop: other)
            far.exchange = exchange
            body(exchange)
        }
    }

    func exchangeClosed(_ exchange: Exchange) {
        let far = far
        other.execute {
            let exchange = far.exchange
            far.exchange = nil
            exchange?.connectionClosed()
        }
    }
}
