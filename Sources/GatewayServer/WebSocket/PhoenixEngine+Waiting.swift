import DequeModule
import GatewayCore
import NIOCore
import WebSocketProtocol

/// Frames that wait until what is stored for a client has been read, or until somebody has said whether a client may
/// join: the one that needs it, and those behind it.
final class WaitingFrames {
    enum Cause {
        case storage([ClientID])
        case permission(LifecycleInquiry)
    }

    let cause: Cause
    var frames: Deque<(bytes: [UInt8], isBinary: Bool)> = []
    var size = 0
    /// Whether it has been read, or could not be, or been said.
    var isOver = false
    /// What has been said.
    var permission: Permission?

    init(_ cause: Cause) { self.cause = cause }
}

/// What was said of a client that wants to join.
enum Permission {
    case granted
    case refused(Problem)
}

extension PhoenixEngine {
    /// Lets the frame that is being read wait, if there is anybody to wait for. It will be read once more: nothing may
    /// have been done for it yet.
    func mustWait(for clients: [ClientID]) -> Bool {
        guard !clients.isEmpty, !isRetrying else { return false }
        waitingFrames = WaitingFrames(.storage(clients))
        return true
    }

    /// Keeps a frame for later; with the first one the reading begins.
    func hold(_ bytes: UnsafeRawBufferPointer, isBinary: Bool) {
        guard let waitingFrames, verdict == .open else { return }
        let isFirst = waitingFrames.frames.isEmpty
        guard isFirst || waitingFrames.size + bytes.count <= gateway.settings.webSocket.maxMessageSize else {
            return close(
                .tryAgainLater,
                "more than transports.websocket.max_message_size waits behind a join or for the storage",
                reconnect: .after(milliseconds: spreadRetry))
        }
        waitingFrames.frames.append((Array(bytes), isBinary))
        waitingFrames.size += bytes.count
        if isFirst { begin(waitingFrames.cause) }
    }

    private func begin(_ cause: WaitingFrames.Cause) {
        let engine = NIOLoopBound(self, eventLoop: loop.eventLoop)
        switch cause {
        case .storage(let clients): gateway.restore(clients, on: loop.index) { _ in engine.value.endWaiting(nil) }
        case .permission(let inquiry):
            gateway.ask(inquiry) { problem in
                engine.eventLoop.execute {
                    engine.value.endWaiting(problem.map { .refused($0) } ?? .granted)
                }
            }
        }
    }

    private func endWaiting(_ permission: Permission?) {
        waitingFrames?.isOver = true
        waitingFrames?.permission = permission
        hasWaitingFrames = true
        loop.begin()
        loop.member(id)?.wake()
        loop.dispatchWakes(except: nil)
    }

    /// Reads what has waited, in order.
    func retryWaitingFrames() {
        guard let waiting = waitingFrames, waiting.isOver else { return }
        waitingFrames = nil
        hasWaitingFrames = false
        isRetrying = true
        permission = waiting.permission
        defer { isRetrying = false }
        while verdict == .open, let (bytes, isBinary) = waiting.frames.popFirst() {
            bytes.withUnsafeBytes { read($0, isBinary: isBinary) }
            isRetrying = false
            permission = nil
            guard waitingFrames != nil else { continue }
            // Another one that has to wait, and all behind it with it.
            bytes.withUnsafeBytes { hold($0, isBinary: isBinary) }
            for (bytes, isBinary) in waiting.frames { bytes.withUnsafeBytes { hold($0, isBinary: isBinary) } }
            return
        }
    }
}
