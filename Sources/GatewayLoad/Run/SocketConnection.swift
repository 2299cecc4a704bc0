import NIOCore
import NIOHTTP1
import NIOWebSocket

/// A WebSocket: one that speaks Phoenix Channels, or one that sends everything back.
final class SocketConnection: LoadConnection {
    private var conversation: LoadConversation

    override init(_ number: Int, loop: LoadLoop) {
        conversation = LoadConversation(loop.plan, number: number)
        super.init(number, loop: loop)
    }

    /// A larger message is taken for a fault of the server.
    static let maxMessageBytes = 16 << 20

    override func install(on channel: any Channel) throws {
        var headers = HTTPHeaders([("host", plan.place.authority)])
        if let token = plan.token { headers.add(name: "authorization", value: "Bearer \(token)") }
        let request = HTTPRequestHead(version: .http1_1, method: .GET, uri: conversation.path, headers: headers)
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let opening = OpeningHandler(bound, request)
        let openingBound = NIOLoopBound(opening, eventLoop: loop.eventLoop)
        let upgrader = NIOWebSocketClientUpgrader(
            requestKey: NIOWebSocketClientUpgrader.randomRequestKey(), maxFrameSize: Self.maxMessageBytes
        ) { channel, _ in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(MessageHandler(bound))
                bound.value.upgraded()
            }
        }
        try channel.pipeline.syncOperations.addHTTPClientHandlers(
            leftOverBytesStrategy: .forwardBytes,
            withClientUpgrade: (
                upgraders: [upgrader],
                completionHandler: { context in
                    context.pipeline.syncOperations.removeHandler(openingBound.value, promise: nil)
                }
            ))
        try channel.pipeline.syncOperations.addHandler(opening)
    }

    private func upgraded() {
        guard let greeting = conversation.greeting() else { return opened() }
        write(greeting)
    }

    private func write(_ text: String) {
        guard let channel else { return }
        var bytes = channel.allocator.buffer(capacity: text.utf8.count)
        bytes.writeString(text)
        channel.writeAndFlush(
            WebSocketFrame(fin: true, opcode: .text, maskKey: .random(), data: bytes), promise: nil)
    }

    override func transmit() {
        loop.sent()
        write(conversation.message())
    }

    override func beat() { if isReady, let heartbeat = conversation.heartbeat { write(heartbeat) } }

    fileprivate func heard(_ message: ByteBuffer) {
        loop.received(message.readableBytes)
        switch message.withUnsafeReadableBytes({ conversation.heard($0) }) {
        case .ready: opened()
        case .refused(let words): end(isReady ? .closed : .refused, words)
        case .answered: answered()
        case .failed(let words): failed(words)
        case .event(let due?): loop.arrived(due)
        case .event(nil), .nothing: break
        }
    }

    /// Asks for the upgrade, and hears when it is refused.
    private final class OpeningHandler: ChannelInboundHandler, RemovableChannelHandler {
        typealias InboundIn = HTTPClientResponsePart
        typealias OutboundOut = HTTPClientRequestPart

        private let connection: NIOLoopBound<SocketConnection>
        private let request: HTTPRequestHead

        init(_ connection: NIOLoopBound<SocketConnection>, _ request: HTTPRequestHead) {
            self.connection = connection
            self.request = request
        }

        func channelActive(context: ChannelHandlerContext) {
            context.write(wrapOutboundOut(.head(request)), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            context.fireChannelActive()
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            if case .head(let head) = unwrapInboundIn(data) {
                connection.value.end(
                    .refused, "the upgrade was answered \(head.status.code) \(head.status.reasonPhrase)")
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            connection.value.lost("the connection ended before the upgrade")
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            connection.value.lost("\(error)")
        }
    }

    /// Puts frames together and answers pings.
    private final class MessageHandler: ChannelInboundHandler {
        typealias InboundIn = WebSocketFrame
        typealias OutboundOut = WebSocketFrame

        private let connection: NIOLoopBound<SocketConnection>
        private var message = ByteBuffer()

        init(_ connection: NIOLoopBound<SocketConnection>) { self.connection = connection }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let frame = unwrapInboundIn(data)
            switch frame.opcode {
            case .text, .binary, .continuation:
                var bytes = frame.unmaskedData
                guard message.readableBytes + bytes.readableBytes <= SocketConnection.maxMessageBytes else {
                    return connection.value.end(
                        .closed, "a message of more than \(SocketConnection.maxMessageBytes) bytes")
                }
                if frame.fin, message.readableBytes == 0 { return connection.value.heard(bytes) }
                message.writeBuffer(&bytes)
                guard frame.fin else { return }
                let whole = message
                message = ByteBuffer()
                connection.value.heard(whole)
            case .ping:
                let pong = WebSocketFrame(
                    fin: true, opcode: .pong, maskKey: .random(), data: frame.unmaskedData)
                context.writeAndFlush(wrapOutboundOut(pong), promise: nil)
            case .connectionClose:
                var data = frame.unmaskedData
                let code = data.readInteger(as: UInt16.self) ?? 1005
                connection.value.lost("closed by the server: \(code) \(String(buffer: data))")
            default: break
            }
        }

        func channelInactive(context: ChannelHandlerContext) { connection.value.lost("the connection ended") }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { connection.value.lost("\(error)") }
    }
}
