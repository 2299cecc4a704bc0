import GatewayCore
import Synchronization
import Testing

@testable import GatewayWebhooks

@Suite struct WorkPermitsTests {
    private final class Counts: Sendable {
        private let state = Mutex((running: 0, most: 0, finished: 0))

        var most: Int { state.withLock { $0.most } }
        var finished: Int { state.withLock { $0.finished } }

        func enter() {
            state.withLock {
                $0.running += 1
                $0.most = max($0.most, $0.running)
            }
        }

        func leave() {
            state.withLock {
                $0.running -= 1
                $0.finished += 1
            }
        }
    }

    private let never = Instant.distantFuture

    /// Calls in any number, some of which are cancelled and some of which run out of time.
    @Test(arguments: 0..<8) func `never more than may be, and no permit is lost`(seed: UInt64) async {
        let permits = WorkPermits(.fixed(3), queue: 1000)
        let counts = Counts()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<200 {
                let chance = ((UInt64(number) &+ seed &* 1000) &* 0x9E37_79B9_7F4A_7C15) >> 60
                group.addTask {
                    let task = Task {
                        let deadline = chance == 1 ? MonotonicClock.now + .milliseconds(1) : Instant.distantFuture
                        try? await permits.withPermit(until: deadline) {
                            counts.enter()
                            for _ in 0..<chance { await Task.yield() }
                            counts.leave()
                        }
                    }
                    if chance < 5 {
                        await Task.yield()
                        task.cancel()
                    }
                    await task.value
                }
            }
        }
        #expect(counts.most <= 3)
        #expect(counts.finished > 0)
        let health = permits.health
        #expect(health.available == 3 && health.queueLength == 0)
    }

    @Test func `who finds the queue full is sent away at once`() async throws {
        let permits = WorkPermits(.fixed(1), queue: 0)
        try await permits.withPermit(until: never) {
            await #expect(throws: WorkPermits.Refusal.queueFull) {
                try await permits.withPermit(until: never) { () }
            }
        }
        try await permits.withPermit(until: never) { () }
    }

    @Test func `who waits too long is sent away, and its place goes to the next`() async throws {
        let permits = WorkPermits(.fixed(1), queue: 1)
        try await permits.withPermit(until: never) {
            await #expect(throws: WorkPermits.Refusal.timeout) {
                try await permits.withPermit(until: MonotonicClock.now + .milliseconds(5)) { () }
            }
        }
        try await permits.withPermit(until: never) { () }
    }
}
