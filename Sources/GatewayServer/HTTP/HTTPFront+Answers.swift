import GatewayCore
import NIOCore
import NIOHTTP1

/// How an answer is written, and what becomes of the connection then.
extension HTTPFront {
    /// A larger body is written by itself, instead of being copied behind the head.
    private static let maxJoinedBytes = 65_536

    /// A request that had to wait is answered.
    func finishAnswer(_ response: APIResponse, closing: Bool, isHead: Bool) {
        poll = nil
        guard phase == .answering, let context else { return }
        loop.begin()
        respond(response, closing: closing, isHead: isHead)
        goOn(context)
    }

    func respond(_ response: APIResponse, closing: Bool, isHead: Bool = false) {
        guard let context, phase != .ended, phase != .gone else { return }
        let closing = closing || isStream || gateway.currentPhase > .serving
        // Before anything is written: a write that fails ends the connection at once.
        phase = closing ? .ended : .idle
        if let (encoder, output) = pastEncoder(context) {
            // One buffer and one write, instead of one for the head and one for the body.
            let isJoined = isHead || response.body.readableBytes <= Self.maxJoinedBytes
            var answer = loop.answers.buffer(capacity: 256 + (isJoined ? response.body.readableBytes : 0))
            AnswerText.writeHead(of: response, closing: closing, to: &answer)
            if isJoined {
                if !isHead { answer.writeImmutableBuffer(response.body) }
                output.write(answer)
                if closing { output.flush() }
            } else {
                output.flush()
                encoder.write(NIOAny(answer), promise: nil)
                encoder.writeAndFlush(NIOAny(response.body), promise: nil)
                output.follow()
            }
        } else {
            var head = HTTPResponseHead(version: .http1_1, status: response.status, headers: response.headers)
            if response.status != .noContent, response.status != .notModified {
                head.headers.replaceOrAdd(name: "content-length", value: "\(response.body.readableBytes)")
            }
            // RFC 9113 §8.2.2: connections are none of a stream's business.
            head.headers.remove(name: "upgrade")
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            if !isHead, response.body.readableBytes > 0 {
                context.write(wrapOutboundOut(.body(.byteBuffer(response.body))), promise: nil)
            }
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
        guard self.context != nil, context.channel.isActive else { return }
        settle(context, closing: closing)
    }

    /// An answer has been written: the connection waits for the next request, or for its end.
    func settle(_ context: ChannelHandlerContext, closing: Bool) {
        let now = Clock.now
        if isStream {
            // The rest of a request that nobody wants is thrown away; a reset at once could take the answer back.
            deadline = now + (head == nil ? gateway.settings.keepAliveTimeout : gateway.settings.closeTimeout)
        } else if closing {
            deadline = now + gateway.settings.closeTimeout
            // The peer may still be sending what nobody wants; an abrupt close would take the answer back.
            context.close(mode: .output, promise: nil)
        } else {
            deadline = now + gateway.settings.keepAliveTimeout
        }
        loop.schedule(self, at: deadline)
    }
}
