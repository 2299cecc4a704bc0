import GatewayCore
import GatewayServer
import Synchronization

/// Lets a bounded number of calls be under way at a time; others wait in order, as many as may, each until its deadline.
final class WorkPermits: Sendable {
    private struct State {
        var pool: LeasePool
        var effects = LeasePool.Effects()
        var waiting: [LeasePool.Ticket: CheckedContinuation<LeasePool.Lease, any Error>] = [:]
    }

    /// Why there is no permit.
    enum Refusal: Error { case queueFull, timeout }

    private let state: Mutex<State>

    /// - Parameters:
    ///   - concurrency: permits.
    ///   - queue: how many may wait for one.
    init(concurrency: Int, queue: Int) {
        // A permit is nothing that ages; how long one may be waited for is said by each call.
        let limits = LeasePool.Limits(
            size: concurrency, overflow: 0, checkoutTimeout: .seconds(86_400), queue: queue,
            idleTimeout: .seconds(86_400 * 365), leaseAge: .seconds(86_400 * 365))
        state = Mutex(State(pool: LeasePool(limits: limits)))
    }

    var health: PoolHealth { state.withLock { $0.pool.health } }

    /// Runs `body` with a permit.
    /// - Throws: `Refusal` without a permit, or what `body` throws.
    @discardableResult
    func withPermit<Result: Sendable>(
        until deadline: Instant, _ body: () async throws -> Result
    ) async throws -> Result {
        let lease = try await acquire(until: deadline)
        defer {
            state.withLock { state in
                state.pool.checkin(lease, now: MonotonicClock.now, effects: &state.effects)
                Self.settle(&state)
            }
        }
        return try await body()
    }

    private func acquire(until deadline: Instant) async throws -> LeasePool.Lease {
        let place = Place()
        let expiry = Task {
            try await Task.sleep(for: .nanoseconds(max(0, (deadline - MonotonicClock.now).nanoseconds)))
            state.withLock { state in
                state.pool.advance(to: MonotonicClock.now, effects: &state.effects)
                Self.settle(&state)
            }
        }
        defer { expiry.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                state.withLock { state in
                    guard !Task.isCancelled else { return continuation.resume(throwing: CancellationError()) }
                    switch state.pool.checkout(deadline: deadline, now: MonotonicClock.now, effects: &state.effects) {
                    case .leased(let lease): continuation.resume(returning: lease)
                    case .refused(.timeout): continuation.resume(throwing: Refusal.timeout)
                    case .refused: continuation.resume(throwing: Refusal.queueFull)
                    case .waiting(let ticket):
                        place.ticket.withLock { $0 = ticket }
                        state.waiting[ticket] = continuation
                        Self.settle(&state)
                    }
                }
            }
        } onCancel: {
            state.withLock { state in
                guard let ticket = place.ticket.withLock({ $0 }),
                    let continuation = state.waiting.removeValue(forKey: ticket)
                else { return }
                _ = state.pool.cancel(ticket, now: MonotonicClock.now, effects: &state.effects)
                Self.settle(&state)
                continuation.resume(throwing: CancellationError())
            }
        }
    }

    /// Where a call waits, once it does.
    private final class Place: Sendable {
        let ticket = Mutex<LeasePool.Ticket?>(nil)
    }

    /// Does what the pool asks for. To open a permit is nothing.
    private static func settle(_ state: inout State) {
        while !state.effects.isEmpty {
            let effects = state.effects
            state.effects = LeasePool.Effects()
            for grant in effects.granted {
                state.waiting.removeValue(forKey: grant.ticket)?.resume(returning: grant.lease)
            }
            for ticket in effects.expired {
                state.waiting.removeValue(forKey: ticket)?.resume(throwing: Refusal.timeout)
            }
            for ticket in effects.failed {
                state.waiting.removeValue(forKey: ticket)?.resume(throwing: Refusal.queueFull)
            }
            for resource in effects.open {
                _ = state.pool.opened(resource, now: MonotonicClock.now, effects: &state.effects)
            }
        }
    }
}
