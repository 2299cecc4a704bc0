import GatewayCore
import NIOCore
import Synchronization

/// Wakes on their way to one event loop. However many publishers post, the loop gets one task.
final class WakeInbox: Sendable {
    private struct State {
        var ids: [ConnectionID] = []
        var isScheduled = false
    }

    private let state = Mutex(State())
    private let eventLoop: any EventLoop
    private let receiver: NIOLoopBound<LoopState>

    init(_ loop: LoopState, eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        receiver = NIOLoopBound(loop, eventLoop: eventLoop)
    }

    /// Posts answers that senders wait for, from any thread.
    func post(_ answers: [(AnswerLater, StoredAnswer)]) {
        eventLoop.execute { [self] in receiver.value.give(answers) }
    }

    /// Posts wakes from any thread.
    func post(_ ids: [ConnectionID]) {
        let mustSchedule = state.withLock { state in
            state.ids.append(contentsOf: ids)
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        guard mustSchedule else { return }
        eventLoop.execute { [self] in
            let ids = state.withLock { state in
                state.isScheduled = false
                defer { state.ids = [] }
                return state.ids
            }
            receiver.value.receiveWakes(ids)
        }
    }
}
