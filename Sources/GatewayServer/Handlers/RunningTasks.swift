import Synchronization

/// Work that goes on beside the event loops and ends before they do.
final class RunningTasks: Sendable {
    private struct State {
        var next = 0
        var tasks: [Int: Task<Void, Never>] = [:]
        var isOver = false
    }

    private let state = Mutex(State())

    /// Starts `body`, unless everything is over.
    func start(_ body: @escaping @Sendable () async -> Void) {
        state.withLock { state in
            guard !state.isOver else { return }
            let number = state.next
            state.next += 1
            state.tasks[number] = Task {
                await body()
                self.state.withLock { $0.tasks[number] = nil }
            }
        }
    }

    /// Cancels what is running, waits for it, and starts nothing more.
    func end() async {
        let tasks = state.withLock { state in
            state.isOver = true
            return Array(state.tasks.values)
        }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }
}
