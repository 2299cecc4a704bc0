import GatewayCore
import NIOCore
import WebSocketProtocol

/// A WebSocket that carries whole messages between a client and an endpoint of its event loop: one message, one text frame.
final class MessageSocketEngine: SocketEngine {
    private let endpoint: any LoopEndpoint
    private let request: MessagePipeRequest
    private var end: MessagePipeEnd?

    init(_ request: MessagePipeRequest, at endpoint: any LoopEndpoint, opening: Opening, loop: LoopState) {
        self.endpoint = endpoint
        self.request = request
        var limits = loop.gateway.settings.webSocket
        // Clients send a message as one frame, however large it is.
        limits.maxFrameSize = limits.maxMessageSize
        super.init(opening: opening, limits: limits, loop: loop)
    }

    override func start() {
        super.start()
        let end = MessagePipeEnd(id, loop: loop, maxWaitingBytes: endpoint.maxUnsentBytes)
        self.end = end
        end.open(request, at: endpoint)
    }

    override func receivedText(_ bytes: UnsafeRawBufferPointer) {
        loop.counters[Int(transport.rawValue)].messagesIn += 1
        end?.receive(bytes)
    }

    override func receivedBinary(_ bytes: UnsafeRawBufferPointer) {
        close(.unsupportedData, "messages are text", reconnect: .never)
    }

    override func writeWaiting(isStalled: Bool) {
        // A client that has said goodbye reads no more: what waits is kept for its next connection.
        guard let end, verdict == .open else { return }
        if !isStalled {
            for entry in end.take() {
                if let message = entry.message { message.withUnsafeReadableBytes { write($0) } }
            }
        }
        guard let (code, reason) = end.ending else { return }
        self.end = nil
        close(code, reason, reconnect: .now)
    }

    private func write(_ bytes: UnsafeRawBufferPointer) {
        guard deflateWindowBits > 0, bytes.count > SharedCompression.threshold,
            let deflated = loop.compression.deflated(bytes, windowBits: Int(deflateWindowBits))
        else { return writeFrame(.text, bytes) }
        deflated.withUnsafeBytes { writeFrame(.text, isCompressed: true, $0) }
    }

    override var isOwedAnswers: Bool { true }

    override func goAway() {
        end?.connectionClosed()
        end = nil
        super.goAway()
    }

    override func closed() {
        end?.connectionClosed()
        end = nil
        super.closed()
    }
}
