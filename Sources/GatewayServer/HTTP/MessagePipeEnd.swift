import GatewayCore
import NIOCore
import WebSocketProtocol

/// The connection's end of a pipe: what waits for the connection's turn to write.
final class MessagePipeEnd: MessagePipeCarrier {
    /// `unowned(unsafe)`: see `LoopMember.loop`.
    private unowned(unsafe) let loop: LoopState
    private let connection: ConnectionID
    private var waiting: [Waiting] = []
    private var waitingBytes = 0
    private let maxWaitingBytes: Int
    private var isReceiving = false
    /// How the endpoint wants it to end.
    private(set) var ending: (code: CloseCode, reason: String)?
    private var pipe: MessagePipe?

    /// Something to be written.
    struct Waiting {
        /// `nil` only confirms.
        let message: ByteBuffer?
        let token: Int
    }

    /// - Parameter maxWaitingBytes: more may not wait when another message comes.
    init(_ connection: ConnectionID, loop: LoopState, maxWaitingBytes: Int) {
        self.loop = loop
        self.connection = connection
        self.maxWaitingBytes = maxWaitingBytes
    }

    /// The connection begins to carry messages.
    func open(_ request: MessagePipeRequest, at endpoint: any LoopEndpoint) {
        let pipe = MessagePipe(self, eventLoop: loop.eventLoop)
        self.pipe = pipe
        isReceiving = true
        endpoint.open(pipe, request)
        isReceiving = false
    }

    /// Hands a message to the endpoint. What it leads to at once leaves with the present event.
    func receive(_ bytes: UnsafeRawBufferPointer, token: Int = 0) {
        isReceiving = true
        pipe?.receive(bytes, token: token)
        isReceiving = false
    }

    func send(_ message: ByteBuffer, answering token: Int) {
        let isTooMuch = waitingBytes > maxWaitingBytes
        waiting.append(Waiting(message: message, token: token))
        waitingBytes += message.readableBytes
        // One message may be as large as it likes; behind it nothing may pile up.
        if isTooMuch {
            loop.counters[Int(Transport.webSocket.rawValue)].slowConsumers += 1
            loop.gateway.logger.info("a connection is closed: its client reads too slowly")
            return close(.slowConsumer, "more than mcp.max_unsent_bytes waited")
        }
        wake()
    }

    func replay(_ messages: [ByteBuffer]) {
        for message in messages { waiting.append(Waiting(message: message, token: 0)) }
        wake()
    }

    func acknowledge(_ token: Int) {
        waiting.append(Waiting(message: nil, token: token))
        wake()
    }

    func close(_ code: CloseCode, _ reason: String) {
        guard ending == nil else { return }
        ending = (code, reason)
        wake()
        connectionClosed()
    }

    /// What is to be written now.
    func take() -> [Waiting] {
        guard !waiting.isEmpty else { return [] }
        defer {
            waiting = []
            waitingBytes = 0
        }
        return waiting
    }

    /// The connection has gone, or carries this no longer.
    func connectionClosed() {
        guard let pipe else { return }
        self.pipe = nil
        let unsent = take().compactMap(\.message)
        pipe.closed(unsent: unsent)
    }

    private func wake() {
        loop.context.wakes.insert(connection)
        // Within an event of the connection its carrier looks by itself.
        if !isReceiving { loop.dispatchWakes(except: nil) }
    }
}
