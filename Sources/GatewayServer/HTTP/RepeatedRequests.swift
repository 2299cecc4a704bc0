import NIOCore
import NIOHTTP1

/// Stands in front of the parser of a connection that calls an endpoint, and hands over by itself the requests that
/// begin like the one before: they need no parsing, and the parser never sees them. Everything else goes through it.
final class RepeatedRequests: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// Let go of when it leaves the pipeline.
    private var front: HTTPFront?
    private var remembered: RepeatedHead?
    /// Where the parser stands.
    private var parser = ParserPosition.unknown
    /// What is missing of the body of a request that was recognised.
    private var missing = 0
    /// How many requests began like the one before, and how many did not.
    private(set) var hits = 0
    private var misses = 0

    private enum ParserPosition: Equatable {
        /// Somewhere in a request, as far as can be told from outside.
        case unknown
        /// Between two requests.
        case between
        /// In a body that lacks as many bytes.
        case body(Int)
    }

    /// So many more heads that were new show that this client's differ.
    private static let maxMisses = 32

    init(_ front: HTTPFront) { self.front = front }

    func handlerRemoved(context: ChannelHandlerContext) { front = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        guard let front else { return context.fireChannelRead(data) }
        if missing > 0 { takeBody(&bytes, front) }
        guard bytes.readableBytes > 0 else { return }
        if parser == .between, let remembered, front.isReady {
            if let match = bytes.withUnsafeReadableBytes(remembered.match), front.takes(match.bodyLength) {
                hits += 1
                bytes.moveReaderIndex(forwardBy: match.headLength)
                let head = remembered.head(bodyLength: match.bodyLength)
                if bytes.readableBytes == match.bodyLength {
                    return front.takeRepeated(head, remembered.target, bytes)
                }
                front.beginRepeated(head, remembered.target)
                missing = match.bodyLength
                takeBody(&bytes, front)
                guard bytes.readableBytes > 0 else { return }
            } else {
                misses += 1
            }
        }
        parse(bytes, front, context)
    }

    /// Hands over what belongs to the body of the present request.
    private func takeBody(_ bytes: inout ByteBuffer, _ front: HTTPFront) {
        guard let piece = bytes.readSlice(length: min(missing, bytes.readableBytes)) else { return }
        missing -= piece.readableBytes
        if piece.readableBytes > 0 { front.takeRepeated(.body(piece)) }
        if missing == 0 { front.takeRepeated(.end(nil)) }
    }

    /// Has the parser read, and remembers what it has made of a head, if that can be told for sure.
    private func parse(_ bytes: ByteBuffer, _ front: HTTPFront, _ context: ChannelHandlerContext) {
        if case .body(let count) = parser {
            parser = count > bytes.readableBytes ? .body(count - bytes.readableBytes) : .unknown
            context.fireChannelRead(wrapInboundOut(bytes))
            if count == bytes.readableBytes { parser = .between }
            return
        }
        parser = .unknown
        // Only then is what the parser finds now the beginning of what it is given now.
        front.notesHead = front.isReady
        context.fireChannelRead(wrapInboundOut(bytes))
        front.notesHead = false
        let head = front.takeNotedHead()
        guard misses < hits + Self.maxMisses else {
            return context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
        }
        guard let head,
            let new = bytes.withUnsafeReadableBytes({ RepeatedHead($0, as: head) }),
            let match = bytes.withUnsafeReadableBytes(new.match)
        else { return }
        let rest = match.headLength + match.bodyLength - bytes.readableBytes
        guard rest >= 0 else { return }
        remembered = new
        parser = rest == 0 ? .between : .body(rest)
    }
}
