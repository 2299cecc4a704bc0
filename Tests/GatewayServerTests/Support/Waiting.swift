import Foundation
import Synchronization

/// Waits until `condition` holds.
/// - Returns: whether it did before `seconds` were over.
func eventually(within seconds: Double = 20, _ condition: () async -> Bool) async -> Bool {
    let end = ContinuousClock.now + .seconds(seconds)
    while true {
        if await condition() { return true }
        if ContinuousClock.now >= end { return false }
        try? await Task.sleep(for: .milliseconds(2))
    }
}

/// Runs `body` on `count` threads of their own at the same time, and waits for all.
func onThreads(_ count: Int, _ body: @escaping @Sendable (_ thread: Int) -> Void) {
    let line = StartLine(count)
    let group = DispatchGroup()
    for index in 0..<count {
        group.enter()
        Thread.detachNewThread {
            line.wait()
            body(index)
            group.leave()
        }
    }
    group.wait()
}

/// Runs `body`, which may block, on a thread of its own.
func onThread<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result {
    await withCheckedContinuation { continuation in
        Thread.detachNewThread { continuation.resume(returning: body()) }
    }
}

/// Where threads wait for each other, so that none is done before the last has begun.
private final class StartLine: Sendable {
    private let missing: Atomic<Int>

    init(_ count: Int) { missing = Atomic(count) }

    func wait() {
        missing.subtract(1, ordering: .relaxed)
        while missing.load(ordering: .relaxed) > 0 { sched_yield() }
    }
}

/// What went wrong on other threads; looked at by the test itself.
final class Findings: Sendable {
    private let list = Mutex<[String]>([])

    /// Notes `text` unless `condition` holds.
    func expect(_ condition: Bool, _ text: @autoclosure () -> String) {
        guard !condition else { return }
        let text = text()
        list.withLock { if $0.count < 20 { $0.append(text) } }
    }

    var all: [String] { list.withLock { $0 } }
}

/// Something that happens once.
final class Flag: Sendable {
    private let value = Atomic(false)

    var isRaised: Bool { value.load(ordering: .acquiring) }

    func raise() { value.store(true, ordering: .releasing) }
}
