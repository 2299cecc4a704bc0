import EventStream
import NIOCore
import NIOHTTP1

/// An event stream that receives what is published.
final class StreamConnection: LoadConnection {
    private var parser = EventStreamParser()
    private let conversation: LoadConversation

    override init(_ number: Int, loop: LoadLoop) {
        conversation = LoadConversation(loop.plan, number: number)
        super.init(number, loop: loop)
    }

    override func install(on channel: any Channel) throws {
        var headers = HTTPHeaders([("host", plan.place.authority), ("accept", "text/event-stream")])
        if let token = plan.token { headers.add(name: "authorization", value: "Bearer \(token)") }
        let request = HTTPRequestHead(version: .http1_1, method: .GET, uri: conversation.path, headers: headers)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHTTPClientHandlers()
        try pipeline.addHandler(Handler(NIOLoopBound(self, eventLoop: loop.eventLoop), request))
    }

    fileprivate func began(_ head: HTTPResponseHead) {
        let type = head.headers.first(name: "content-type") ?? ""
        guard head.status == .ok, type.hasPrefix("text/event-stream") else {
            return end(.refused, "the stream was answered \(head.status.code) \(type)")
        }
        opened()
    }

    fileprivate func heard(_ bytes: ByteBuffer) {
        guard isReady else { return }
        loop.received(bytes.readableBytes)
        for event in parser.append(bytes.readableBytesView) {
            if case .event(let due?) = LoadConversation.event(event.data) { loop.arrived(due) }
        }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPClientResponsePart
        typealias OutboundOut = HTTPClientRequestPart

        private let connection: NIOLoopBound<StreamConnection>
        private let request: HTTPRequestHead

        init(_ connection: NIOLoopBound<StreamConnection>, _ request: HTTPRequestHead) {
            self.connection = connection
            self.request = request
        }

        func channelActive(context: ChannelHandlerContext) {
            context.write(wrapOutboundOut(.head(request)), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            context.fireChannelActive()
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): connection.value.began(head)
            case .body(let bytes): connection.value.heard(bytes)
            case .end: connection.value.lost("the stream ended")
            }
        }

        func channelInactive(context: ChannelHandlerContext) { connection.value.lost("the connection ended") }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { connection.value.lost("\(error)") }
    }
}
