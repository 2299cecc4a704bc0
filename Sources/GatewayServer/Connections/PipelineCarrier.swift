import GatewayCore
import NIOCore

/// Carries bytes between an engine and a channel that does something to them on their way: TLS, or a stream of an HTTP/2
/// connection.
final class PipelineCarrier: EngineCarrier {
    /// Writes that have not reached the kernel.
    private var unsentWrites = 0

    /// A socket's client is not listened to while it does not listen; a stream's client has nothing more to say, and
    /// only that it closes is of interest.
    override var pausesReading: Bool { engine.transport == .webSocket }

    override func send(to context: ChannelHandlerContext) {
        var last: ByteBuffer?
        loop.outbound.takeAll { buffer in
            if let last { context.write(wrapOutboundOut(last), promise: nil) }
            last = buffer
        }
        guard let last else { return }
        unsentWrites += 1
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { result in
            if case .success = result { self.wasWritten() }
        }
        context.writeAndFlush(wrapOutboundOut(last), promise: promise)
        if unsentWrites > 0 { stall() }
    }

    /// One write has reached the kernel.
    private func wasWritten() {
        unsentWrites -= 1
        if unsentWrites == 0, context != nil { resume() }
    }
}
