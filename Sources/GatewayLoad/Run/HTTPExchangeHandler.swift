import NIOCore
import NIOHTTP1

/// Sends one request after the other on a connection, and hands over each answer as a whole.
final class HTTPExchangeHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let ready: () -> Void
    private let answered: (HTTPResponseHead, ByteBuffer) -> Void
    private let lost: (String) -> Void
    private var context: ChannelHandlerContext?
    private var head: HTTPResponseHead?
    private var body = ByteBuffer()

    /// A larger answer is taken for a fault of the server.
    private static let maxAnswerBytes = 64 << 20

    init(
        ready: @escaping () -> Void, answered: @escaping (HTTPResponseHead, ByteBuffer) -> Void,
        lost: @escaping (String) -> Void
    ) {
        self.ready = ready
        self.answered = answered
        self.lost = lost
    }

    func post(_ path: String, _ headers: HTTPHeaders, _ body: String) {
        guard let context else { return }
        var headers = headers
        headers.replaceOrAdd(name: "content-length", value: "\(body.utf8.count)")
        let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: path, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        ready()
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = ByteBuffer()
        case .body(var bytes):
            guard body.readableBytes + bytes.readableBytes <= Self.maxAnswerBytes else {
                return lost("an answer of more than \(Self.maxAnswerBytes) bytes")
            }
            body.writeBuffer(&bytes)
        case .end:
            guard let head else { return }
            self.head = nil
            answered(head, body)
            if !head.isKeepAlive { context.close(promise: nil) }
        }
    }

    func channelInactive(context: ChannelHandlerContext) { lost("the connection ended") }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { lost("\(error)") }
}
