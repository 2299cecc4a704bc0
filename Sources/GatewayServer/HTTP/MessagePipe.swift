public import NIOCore
import WebSocketProtocol

/// Who is at the gateway's end of a pipe.
public protocol MessagePipeOwner: AnyObject {
    /// The client has sent a whole message.
    /// - Parameters:
    ///   - message: valid during the call only.
    ///   - token: what an answer to it is to be sent with; 0 if it makes no difference.
    func pipe(_ pipe: MessagePipe, received message: UnsafeRawBufferPointer, token: Int)

    /// The connection has gone.
    /// - Parameter unsent: messages that were not even written to it, in order.
    func pipeClosed(_ pipe: MessagePipe, unsent: [ByteBuffer])
}

/// What opens a pipe.
public struct MessagePipeRequest: Sendable {
    /// Who opens it.
    public let caller: Caller
    /// What the query names as `server`.
    public let server: String?

    init(caller: Caller, server: String?) {
        self.caller = caller
        self.server = server
    }
}

/// Carries what an endpoint sends.
protocol MessagePipeCarrier: AnyObject {
    func send(_ message: ByteBuffer, answering token: Int)
    func replay(_ messages: [ByteBuffer])
    func acknowledge(_ token: Int)
    func close(_ code: CloseCode, _ reason: String)
}

/// Whole messages in both directions over one connection: a WebSocket, or a channel among others on one. Used on one event
/// loop only: that of the connection, unless it has moved.
public final class MessagePipe {
    private weak var carrier: (any MessagePipeCarrier)?
    /// Keeps the carrier on another event loop, once the pipe has moved there.
    private var farCarrier: (any MessagePipeCarrier)?
    /// Is told what comes.
    public var owner: (any MessagePipeOwner)?
    /// The event loop on which it is used.
    public let eventLoop: any EventLoop
    /// Whether something can still be sent.
    public private(set) var isOpen = true

    init(_ carrier: any MessagePipeCarrier, eventLoop: any EventLoop) {
        self.carrier = carrier
        self.eventLoop = eventLoop
    }

    /// Sends a whole message.
    /// - Parameter token: what the message that it answers came with; 0 for everything else.
    public func send(_ message: ByteBuffer, answering token: Int = 0) {
        guard isOpen else { return }
        carrier?.send(message, answering: token)
    }

    /// Sends what has waited for a connection. It was bounded where it waited, and counts towards no bound here.
    public func replay(_ messages: [ByteBuffer]) {
        guard isOpen, !messages.isEmpty else { return }
        carrier?.replay(messages)
    }

    /// Confirms a message that has no answer.
    public func acknowledge(_ token: Int) {
        guard isOpen, token != 0 else { return }
        carrier?.acknowledge(token)
    }

    /// Ends the connection, or what it carries of this pipe.
    /// - Parameter code: a close code of RFC 6455 or of the gateway.
    public func close(_ code: UInt16, _ reason: String) {
        guard isOpen else { return }
        carrier?.close(CloseCode(rawValue: code), reason)
    }

    /// A message has come.
    func receive(_ message: UnsafeRawBufferPointer, token: Int) {
        guard isOpen else { return }
        owner?.pipe(self, received: message, token: token)
    }

    /// The connection has gone.
    func closed(unsent: [ByteBuffer]) {
        guard isOpen else { return }
        isOpen = false
        farCarrier = nil
        let owner = owner
        self.owner = nil
        owner?.pipeClosed(self, unsent: unsent)
    }

    /// Goes on at another event loop; nothing may be done here any more.
    public func move(to other: any EventLoop, _ body: @escaping @Sendable (MessagePipe) -> Void) {
        let near = NIOLoopBound(self, eventLoop: eventLoop)
        let far = FarSide(near)
        owner = Relay(far, other)
        other.execute {
            let pipe = MessagePipe(far, eventLoop: other)
            pipe.farCarrier = far
            far.pipe = pipe
            body(pipe)
        }
    }

    /// The carrier on the other event loop: what is sent there takes its way to the connection.
    private final class FarSide: MessagePipeCarrier, @unchecked Sendable {
        // Set by the first task on the other event loop, and touched by nothing but such tasks.
        weak var pipe: MessagePipe?
        private let near: NIOLoopBound<MessagePipe>

        init(_ near: NIOLoopBound<MessagePipe>) { self.near = near }

        private func onConnection(_ body: @escaping @Sendable (MessagePipe) -> Void) {
            let near = near
            near.eventLoop.execute { body(near.value) }
        }

        func send(_ message: ByteBuffer, answering token: Int) {
            onConnection { $0.send(message, answering: token) }
        }

        func replay(_ messages: [ByteBuffer]) { onConnection { $0.replay(messages) } }

        func acknowledge(_ token: Int) { onConnection { $0.acknowledge(token) } }

        func close(_ code: CloseCode, _ reason: String) { onConnection { $0.close(code.rawValue, reason) } }
    }

    /// The owner on the connection's event loop: what comes takes its way to the other one.
    private final class Relay: MessagePipeOwner {
        private let far: FarSide
        private let other: any EventLoop

        init(_ far: FarSide, _ other: any EventLoop) {
            self.far = far
            self.other = other
        }

        func pipe(_ pipe: MessagePipe, received message: UnsafeRawBufferPointer, token: Int) {
            let copy = ByteBuffer(bytes: message)
            let far = far
            other.execute { copy.withUnsafeReadableBytes { far.pipe?.receive($0, token: token) } }
        }

        func pipeClosed(_ pipe: MessagePipe, unsent: [ByteBuffer]) {
            let far = far
            other.execute { far.pipe?.closed(unsent: unsent) }
        }
    }
}
