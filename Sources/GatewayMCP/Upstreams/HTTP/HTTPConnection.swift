import GatewayCore
import GatewayServer
import NIOCore
import NIOTLS

/// A request to a server, and who takes its answer.
struct HTTPOutboundRequest {
    enum Method: String {
        case post = "POST"
        case get = "GET"
        case delete = "DELETE"
    }

    var method: Method
    /// Whole lines of the head, apart from the first, `Host` and `Content-Length`.
    var fields: ByteBuffer
    var body: ByteBuffer
    /// Another target than the origin's own.
    var target: String?
    /// An answer that goes on for as long as the session: it has a connection of its own beside the pool.
    var isLong = false
    let receiver: HTTPReceiver
}

/// Takes one answer in pieces. A base class and no protocol: it is called for every piece.
class HTTPReceiver {
    /// What carries the request, once it has been sent.
    fileprivate(set) var connection: HTTPConnection?
    /// Whether nobody wants the answer any more.
    private(set) var isCut = false

    /// Nobody wants the answer any more; a server that never gives one must not hold the connection.
    func cut() {
        isCut = true
        connection?.close()
    }

    func responseBegan(_ head: HTTPResponseReader.Head, on connection: HTTPConnection) {}
    func responseContinued(_ bytes: ByteBuffer) {}
    func responseEnded() {}
    /// - Parameter wasSent: whether the server may have seen the request.
    func responseFailed(_ reason: String, wasSent: Bool) {}
    /// There was no connection for it to be had: that says nothing of the server.
    func responseNotTried(_ reason: String) { responseFailed(reason, wasSent: false) }
}

/// One connection to a server; it carries one request at a time.
final class HTTPConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Whose it is, until it is gone.
    private var origin: HTTPOrigin?
    private var context: ChannelHandlerContext?
    /// Whom the answer is for. The two know each other until it has been given.
    private var receiver: HTTPReceiver? {
        didSet { if oldValue !== receiver { oldValue?.connection = nil } }
    }
    private var reader = HTTPResponseReader()
    private var output: SocketOutput?
    private let isBare: Bool
    private let turn: TurnOutput
    /// Lends room for what is read, and has it back when that has been dealt with.
    private let received: SharedReceiveBuffer
    private var isKeptAlive = true
    private var hasAnswered = false
    private(set) var isGone = false
    /// What the pool knows it by; `nil` beside the pool.
    let resource: LeasePool.ResourceID?
    var lease: LeasePool.Lease?
    /// What it was opened for, beside the pool.
    private var first: HTTPOutboundRequest?
    /// Whether requests can be sent: with TLS that takes a handshake.
    private var isReady = false
    private var failure: (any Error)?

    /// - Parameters:
    ///   - isBare: whether nothing stands between it and the socket.
    ///   - turn: takes what is written.
    ///   - received: has room for what is read.
    init(
        _ origin: HTTPOrigin, resource: LeasePool.ResourceID?, first: HTTPOutboundRequest?, isBare: Bool,
        turn: TurnOutput, received: SharedReceiveBuffer
    ) {
        self.received = received
        self.isBare = isBare
        self.turn = turn
        self.origin = origin
        self.resource = resource
        self.first = first
    }

    /// Everything that comes before the first request has been done.
    func becameReady() {
        guard !isReady, !isGone else { return }
        isReady = true
        let first = first
        self.first = nil
        origin?.connected(self, first)
    }

    /// It did not come about.
    func notConnected(_ error: any Error) {
        isGone = true
        let first = first
        self.first = nil
        origin.take()?.notConnected(resource, first, error)
    }

    func send(_ request: HTTPOutboundRequest) {
        guard let context, let origin, !isGone else {
            return request.receiver.responseFailed("the connection is gone", wasSent: false)
        }
        receiver = request.receiver
        request.receiver.connection = self
        hasAnswered = false
        var head = turn.buffer(
            capacity: 128 + origin.target.utf8.count + origin.hostHeader.utf8.count + request.fields.readableBytes
                + request.body.readableBytes)
        head.writeString(request.method.rawValue)
        head.writeStaticString(" ")
        head.writeString(request.target ?? origin.target)
        head.writeStaticString(" HTTP/1.1\r\nhost: ")
        head.writeString(origin.hostHeader)
        head.writeStaticString("\r\n")
        head.writeImmutableBuffer(request.fields)
        if request.method == .post {
            head.writeStaticString("content-length: ")
            head.writeString(String(request.body.readableBytes))
            head.writeStaticString("\r\n")
        }
        head.writeStaticString("\r\n")
        head.writeImmutableBuffer(request.body)
        let output = output ?? SocketOutput(context, isBare: isBare, turn: turn)
        self.output = output
        output.write(head)
    }

    /// Cuts the connection; nobody wants what it still carries.
    func close() {
        receiver = nil
        // A last word may have been said just now.
        output?.flush()
        context?.close(promise: nil)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        guard isBare else { return }
        try? context.channel.syncOptions?.setOption(.recvAllocator, value: ReceiveBuffers(lending: received))
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        output = nil
        // One that is closed as soon as it has come about is not told that it became inactive.
        if isReady { ended() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard receiver != nil else {
            // Nothing was asked: whatever this is, it must not be taken for the next answer.
            return context.close(promise: nil)
        }
        let bytes = unwrapInboundIn(data)
        reader.feed(bytes)
        defer { if isBare { received.giveBack(bytes) } }
        do throws(HTTPResponseReader.Problem) {
            while let piece = try reader.next() { take(piece, context) }
        } catch {
            fail(error.reason)
            context.close(promise: nil)
        }
    }

    private func take(_ piece: HTTPResponseReader.Piece, _ context: ChannelHandlerContext) {
        switch piece {
        case .head(let head):
            hasAnswered = true
            isKeptAlive = head.isKeptAlive
            receiver?.responseBegan(head, on: self)
        case .body(let bytes): receiver?.responseContinued(bytes)
        case .end:
            let receiver = receiver
            self.receiver = nil
            if isKeptAlive, receiver != nil, reader.isIdle, lease != nil {
                origin?.returned(self)
            } else {
                context.close(promise: nil)
            }
            receiver?.responseEnded()
        }
    }

    func channelInactive(context: ChannelHandlerContext) { ended() }

    private func ended() {
        guard !isGone else { return }
        guard isReady else { return notConnected(failure ?? ChannelError.eof) }
        isGone = true
        let hasEnded = receiver != nil && reader.finish()
        origin.take()?.gone(self)
        if hasEnded {
            let receiver = receiver
            self.receiver = nil
            receiver?.responseEnded()
        } else {
            fail(hasAnswered ? "the connection broke off" : "the connection was closed")
        }
    }

    private func fail(_ reason: String) {
        let receiver = receiver
        self.receiver = nil
        receiver?.responseFailed(reason, wasSent: true)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case .handshakeCompleted = event { becameReady() }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failure = failure ?? error
        context.close(promise: nil)
    }
}
