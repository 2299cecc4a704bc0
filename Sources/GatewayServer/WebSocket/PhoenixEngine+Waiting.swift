import DequeModule
import GatewayCore
import NIOCore
import WebSocketProtocol

/// Frames that wait until what is stored for a client has been read: the one that needs it, and those behind it.
final class WaitingFrames {
    let clients: [ClientID]
    var frames: Deque<(bytes: [UInt8], isBinary: Bool)> = []
    var size = 0
    /// Whether it has been read, or could not be.
    var isOver = false

    init(_ clients: [ClientID]) { self.clients = clients }
}

extension PhoenixEngine {
    /// Lets the frame that is being read wait, if there is anybody to wait for. It will be read once more: nothing may
    /// have been done for it yet.
    func mustWait(for clients: [ClientID]) -> Bool {
        guard !clients.isEmpty, !isRetrying else { return false }
        waitingFrames = WaitingFrames(clients)
        return true
    }

    /// Keeps a frame for later; with the first one the reading begins.
    func hold(_ bytes: UnsafeRawBufferPointer, isBinary: Bool) {
        guard let waitingFrames, verdict == .open else { return }
        let isFirst = waitingFrames.frames.isEmpty
        guard isFirst || waitingFrames.size + bytes.count <= gateway.settings.webSocket.maxMessageSize else {
            return close(
                .tryAgainLater, "more than transports.websocket.max_message_size waits for the storage",
                reconnect: .after(milliseconds: spreadRetry))
        }
        waitingFrames.frames.append((Array(bytes), isBinary))
        waitingFrames.size += bytes.count
        if isFirst { beginRestoring(waitingFrames) }
    }

    private func beginRestoring(_ waiting: WaitingFrames) {
        let engine = NIOLoopBound(self, eventLoop: loop.eventLoop)
        gateway.restore(waiting.clients, on: loop.index) { loop in
            let engine = engine.value
            engine.waitingFrames?.isOver = true
            engine.hasWaitingFrames = true
            loop.begin()
            loop.member(engine.id)?.wake()
            loop.dispatchWakes(except: nil)
        }
    }

    /// Reads what has waited, in order.
    func retryWaitingFrames() {
        guard let waiting = waitingFrames, waiting.isOver else { return }
        waitingFrames = nil
        hasWaitingFrames = false
        isRetrying = true
        defer { isRetrying = false }
        while verdict == .open, let (bytes, isBinary) = waiting.frames.popFirst() {
            bytes.withUnsafeBytes { read($0, isBinary: isBinary) }
            isRetrying = false
            guard waitingFrames != nil else { continue }
            // Another one that has to wait, and all behind it with it.
            bytes.withUnsafeBytes { hold($0, isBinary: isBinary) }
            for (bytes, isBinary) in waiting.frames { bytes.withUnsafeBytes { hold($0, isBinary: isBinary) } }
            return
        }
    }
}
