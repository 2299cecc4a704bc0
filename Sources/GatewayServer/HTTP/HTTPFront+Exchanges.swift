import GatewayCore
import NIOCore
import NIOHTTP1

/// Answers of endpoints: in one piece, or in pieces for as long as it takes.
extension HTTPFront {
    /// The endpoint answers in one piece.
    func finish(_ exchange: Exchange, _ response: APIResponse) {
        guard self.exchange === exchange else { return }
        self.exchange = nil
        finishAnswer(response, closing: exchangeTraits.isClosing, isHead: exchangeTraits.isHead)
    }

    /// The endpoint answers in pieces.
    func beginStream(_ exchange: Exchange, _ headers: HTTPHeaders) {
        guard self.exchange === exchange, let context else { return }
        var head = HTTPResponseHead(version: .http1_1, status: .ok, headers: headers)
        if exchangeTraits.isOldVersion {
            // The end of the connection is the end of the answer.
            exchangeTraits.isClosing = true
        } else if !isStream {
            head.headers.add(name: "transfer-encoding", value: "chunked")
        }
        if exchangeTraits.isClosing, !isStream { head.headers.replaceOrAdd(name: "connection", value: "close") }
        output?.flush()
        // The headers leave at once: some proxies hold a stream back until they have seen them.
        context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
    }

    func writeStream(_ bytes: ByteBuffer, _ promise: EventLoopPromise<Void>) {
        guard let context else { return promise.fail(ChannelError.ioOnClosedChannel) }
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: promise)
    }

    func endStream(_ exchange: Exchange) {
        guard self.exchange === exchange, let context else { return }
        self.exchange = nil
        guard phase == .answering else { return }
        let closing = exchangeTraits.isClosing || gateway.currentPhase > .serving
        // Before anything is written: the write itself may lead to the next request.
        phase = closing ? .ended : .idle
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        output?.follow()
        guard self.context != nil, context.channel.isActive else { return }
        loop.begin()
        settle(context, closing: closing)
        goOn(context)
    }

    func abort() {
        exchange = nil
        output?.flush()
        context?.close(promise: nil)
    }
}
