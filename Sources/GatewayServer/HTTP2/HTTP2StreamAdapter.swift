import NIOCore
import NIOHTTP1

/// Lets an engine that writes an HTTP/1.1 answer write to an HTTP/2 stream: the answer's head becomes header fields,
/// what follows becomes data, and the end of our side ends the stream.
final class HTTP2StreamAdapter: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = HTTPServerResponsePart

    private var head: ResponseHeadReader? = ResponseHeadReader()
    private var isEnded = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // What the client still says in this stream is nobody's.
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        var bytes = unwrapOutboundIn(data)
        if head != nil {
            guard let found = head?.read(&bytes) else {
                promise?.succeed()
                return
            }
            head = nil
            guard bytes.readableBytes > 0 else {
                return context.write(wrapOutboundOut(.head(found)), promise: promise)
            }
            context.write(wrapOutboundOut(.head(found)), promise: nil)
        }
        context.write(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: promise)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode == .output else { return context.close(mode: mode, promise: promise) }
        guard !isEnded else {
            promise?.succeed()
            return
        }
        isEnded = true
        // Without a head there is nothing that an end could end.
        guard head == nil else { return context.close(mode: .all, promise: promise) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: promise)
    }
}

/// Takes the head of an HTTP/1.1 answer, as the gateway writes it, from the beginning of what follows it.
struct ResponseHeadReader {
    private var held = ByteBuffer()

    /// Connection-specific fields, which HTTP/2 does not have (RFC 9113 §8.2.2).
    private static let dropped: Set<String> = [
        "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade",
    ]

    /// - Parameter bytes: left with what stands behind the head.
    /// - Returns: the head, once it is whole.
    mutating func read(_ bytes: inout ByteBuffer) -> HTTPResponseHead? {
        held.writeBuffer(&bytes)
        guard let end = Self.end(of: held.readableBytesView) else { return nil }
        guard let text = held.readString(length: end) else { return nil }
        bytes = held
        held = ByteBuffer()
        let lines = text.split(separator: "\r\n")
        let status = lines.first.flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { Int($0) }
        var headers = HTTPHeaders()
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let name = line[..<colon].lowercased()
            guard !Self.dropped.contains(name) else { continue }
            headers.add(name: name, value: String(line[line.index(after: colon)...].drop { $0 == " " }))
        }
        return HTTPResponseHead(
            version: .http2, status: HTTPResponseStatus(statusCode: status ?? 500), headers: headers)
    }

    /// The place behind the empty line.
    private static func end(of bytes: ByteBufferView) -> Int? {
        guard bytes.count >= 4 else { return nil }
        let mark: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
        for start in bytes.startIndex...(bytes.endIndex - 4) where bytes[start..<(start + 4)].elementsEqual(mark) {
            return start + 4 - bytes.startIndex
        }
        return nil
    }
}
