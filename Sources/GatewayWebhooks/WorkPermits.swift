import GatewayCore
import GatewayServer
import Synchronization

/// Lets a bounded number of calls be under way at a time; others wait in order, as many as may, each until its deadline.
final class WorkPermits: Sendable {
    private struct State {
        var gate: ConcurrencyGate
        var waiting: [ConcurrencyGate.Ticket: CheckedContinuation<Instant, any Error>] = [:]
    }

    /// Why there is no permit.
    enum Refusal: Error { case queueFull, timeout }

    private let state: Mutex<State>

    /// - Parameters:
    ///   - limits: how many permits there are; they may be as many as are found to do good.
    ///   - queue: how many may wait for one.
    init(_ limits: AdaptiveLimit.Limits, queue: Int) {
        state = Mutex(State(gate: ConcurrencyGate(limits: limits, queue: queue)))
    }

    var health: PoolHealth { state.withLock { $0.gate.health } }

    /// What the limit has come to.
    var figures: ConcurrencyGate.Figures { state.withLock { $0.gate.figures } }

    /// Runs `body` with a permit.
    /// - Parameters:
    ///   - body: the work.
    ///   - outcome: what the work's end says about whoever does it.
    /// - Throws: `Refusal` without a permit, or what `body` throws.
    @discardableResult
    func withPermit<Value: Sendable, Failure: Error>(
        until deadline: Instant, _ body: () async throws(Failure) -> Value,
        outcome: (Result<Value, Failure>) -> AdaptiveLimit.Outcome = { _ in .answered }
    ) async throws -> Value {
        let begun = try await acquire(until: deadline)
        let result: Result<Value, Failure>
        do {
            result = .success(try await body())
        } catch { result = .failure(error) }
        state.withLock { state in
            let now = MonotonicClock.now
            state.gate.leave(begunAt: begun, now: now, outcome(result))
            Self.grant(&state, now)
        }
        return try result.get()
    }

    /// - Returns: when the permit was given.
    private func acquire(until deadline: Instant) async throws -> Instant {
        let place = Place()
        let expiry = Task {
            try await Task.sleep(for: .nanoseconds(max(0, (deadline - MonotonicClock.now).nanoseconds)))
            state.withLock { state in
                while let ticket = state.gate.expired(by: MonotonicClock.now) {
                    state.waiting.removeValue(forKey: ticket)?.resume(throwing: Refusal.timeout)
                }
            }
        }
        defer { expiry.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                state.withLock { state in
                    guard !Task.isCancelled else { return continuation.resume(throwing: CancellationError()) }
                    let now = MonotonicClock.now
                    switch state.gate.enter(deadline: deadline, now: now) {
                    case .entered: continuation.resume(returning: now)
                    case .timeout: continuation.resume(throwing: Refusal.timeout)
                    case .queueFull: continuation.resume(throwing: Refusal.queueFull)
                    case .waiting(let ticket):
                        place.ticket.withLock { $0 = ticket }
                        state.waiting[ticket] = continuation
                    }
                }
            }
        } onCancel: {
            state.withLock { state in
                guard let ticket = place.ticket.withLock({ $0 }),
                    let continuation = state.waiting.removeValue(forKey: ticket)
                else { return }
                state.gate.withdraw(ticket)
                continuation.resume(throwing: CancellationError())
            }
        }
    }

    /// Where a call waits, once it does.
    private final class Place: Sendable {
        let ticket = Mutex<ConcurrencyGate.Ticket?>(nil)
    }

    private static func grant(_ state: inout State, _ now: Instant) {
        while let ticket = state.gate.next(now: now) {
            guard let continuation = state.waiting.removeValue(forKey: ticket) else {
                state.gate.leave(begunAt: now, now: now, .ignored)
                continue
            }
            continuation.resume(returning: now)
        }
    }
}
