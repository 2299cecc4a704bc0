import GatewayCore
import GatewayServer
import NIOCore

/// The one connection that all messages to a client go over, where a transport has that: a WebSocket, a Phoenix channel, or
/// the event stream of revision 2024-11-05.
final class ClientLink {
    private enum Carrier {
        case pipe(MessagePipe)
        case stream(Exchange)
    }

    private let carrier: Carrier
    private let hub: MCPHub
    private var lastWrite: Instant

    init(_ pipe: MessagePipe, hub: MCPHub) {
        carrier = .pipe(pipe)
        self.hub = hub
        lastWrite = hub.now
    }

    /// - Parameter exchange: has begun its stream.
    init(_ exchange: Exchange, hub: MCPHub) {
        carrier = .stream(exchange)
        self.hub = hub
        lastWrite = hub.now
    }

    var isOpen: Bool {
        switch carrier {
        case .pipe(let pipe): pipe.isOpen
        case .stream(let exchange): exchange.isOpen
        }
    }

    /// Whether it is the event stream of revision 2024-11-05, which its session ends with.
    var isEventStream: Bool { if case .stream = carrier { true } else { false } }

    /// - Parameter token: what the message that it answers came with; 0 for everything else.
    func send(_ message: ByteBuffer, answering token: Int = 0) {
        switch carrier {
        case .pipe(let pipe): pipe.send(message, answering: token)
        case .stream(let exchange):
            lastWrite = hub.now
            // One message may be as large as it likes; behind it nothing may pile up.
            guard exchange.unsentBytes <= hub.settings.maxUnsentBytes else {
                hub.logger.info("a stream is cut: its client reads too slowly")
                return exchange.abort()
            }
            exchange.write(SessionLog.event(message, id: nil))
        }
    }

    /// Sends what has waited for a connection.
    func replay(_ messages: [ByteBuffer]) {
        switch carrier {
        case .pipe(let pipe): pipe.replay(messages)
        case .stream: for message in messages { send(message) }
        }
    }

    /// Confirms a message that has no answer.
    func acknowledge(_ token: Int) { if case .pipe(let pipe) = carrier { pipe.acknowledge(token) } }

    /// Tells the client how long to wait before it comes back.
    func advise(retryAfter wait: Instant.Span) {
        guard case .stream(let exchange) = carrier, exchange.isOpen else { return }
        exchange.write(ByteBuffer(string: "retry: \(wait.milliseconds)\n\n"))
    }

    /// Ends it.
    func close(_ code: UInt16, _ reason: String) {
        switch carrier {
        case .pipe(let pipe): pipe.close(code, reason)
        case .stream(let exchange): exchange.end()
        }
    }

    /// Shows now and then that the connection is alive, where nothing else does.
    func tend(now: Instant) {
        guard case .stream(let exchange) = carrier, exchange.isOpen, exchange.unsentBytes == 0,
            now - lastWrite >= hub.settings.keepaliveInterval
        else { return }
        lastWrite = now
        exchange.write(ByteBuffer(string: ": ping\n\n"))
    }
}
