import GatewayCore
import GatewayServer
import Synchronization
import WireJSON

/// One webhook: its turns, its breaker, its retries. What goes wrong with one is no other's business.
final class Webhook: Sendable {
    /// What came of one attempt.
    enum Outcome: Sendable {
        case answered(status: Int, body: [UInt8])
        case timedOut
        /// There was no whole answer.
        case failed(String)
    }

    /// Makes one attempt, which ends by the deadline.
    typealias Attempt = @Sendable (_ body: [UInt8], _ id: String, _ deadline: Instant) async throws -> Outcome

    private struct State {
        var breaker: CircuitBreaker
        var budget: RetryBudget
        var figures = Figures()
        var random = SystemRandomNumberGenerator()
    }

    /// What has been done so far.
    struct Figures: Sendable {
        var calls = 0
        var retries = 0
        var failures = 0
        var refused = 0
        var timeouts = 0
        /// How long attempts took, whatever came of them.
        var latencies = LatencyHistogram()
    }

    let url: String
    private let settings: WebhookSettings
    private let permits: WorkPermits
    private let state: Mutex<State>
    private let attempt: Attempt

    init(_ url: String, _ settings: WebhookSettings, _ attempt: @escaping Attempt) {
        self.url = url
        self.settings = settings
        self.attempt = attempt
        permits = WorkPermits(settings.permits, queue: settings.queue)
        state = Mutex(
            State(breaker: CircuitBreaker(limits: settings.breaker), budget: RetryBudget(ratio: settings.retryRatio)))
    }

    /// Calls it until it answers, as often as may be.
    /// - Returns: the answer's JSON text; `nil` for an answer without a body.
    func call(_ body: [UInt8], id: String, timeout: Instant.Span) async throws -> [UInt8]? {
        let deadline = MonotonicClock.now + timeout
        do {
            return try await permits.withPermit(until: deadline) {
                try await attempts(body, id: id, deadline)
            } outcome: {
                Self.outcome($0)
            }
        } catch let refusal as WorkPermits.Refusal {
            state.withLock { $0.figures.refused += 1 }
            switch refusal {
            case .queueFull:
                throw Problem(
                    503, "overloaded", "as many calls wait for this webhook as webhooks.queue allows", retryAfter: 1)
            case .timeout:
                throw Problem(
                    503, "pool_timeout", "webhooks.concurrency calls were under way all the time", retryAfter: 1)
            }
        }
    }

    /// What a call's end says about how many there may be.
    private static func outcome(_ result: Result<[UInt8]?, any Error>) -> AdaptiveLimit.Outcome {
        switch result {
        case .success: .answered
        case .failure(let problem as Problem) where problem.status < 500: .answered
        // An open breaker has asked nobody.
        case .failure(let problem as Problem): problem.status == 503 ? .ignored : .dropped
        case .failure: .ignored
        }
    }

    private func attempts(_ body: [UInt8], id: String, _ deadline: Instant) async throws -> [UInt8]? {
        state.withLock { state in
            state.figures.calls += 1
            state.budget.recordCall(now: MonotonicClock.now)
        }
        var count = 0
        while true {
            let permit = try admit()
            let outcome: Outcome
            let begun = MonotonicClock.now
            do {
                outcome = try await attempt(body, id, deadline)
                let span = MonotonicClock.now - begun
                state.withLock { $0.figures.latencies.add(span) }
            } catch {
                state.withLock { $0.breaker.abandoned(permit) }
                throw error
            }
            switch judge(outcome, permit) {
            case .success(let answer): return answer
            case .failure(let failure):
                count += 1
                guard failure.mayRetry, count < settings.attempts, let delay = retryDelay(count, until: deadline) else {
                    throw failure.problem
                }
                try await Task.sleep(for: .nanoseconds(delay.nanoseconds))
            }
        }
    }

    private func admit() throws -> CircuitBreaker.Permit {
        let admission = state.withLock { state in
            let admission = state.breaker.admit(now: MonotonicClock.now)
            if case .refused = admission { state.figures.refused += 1 }
            return admission
        }
        switch admission {
        case .admitted(let permit): return permit
        case .refused(let span):
            throw Problem(
                503, "circuit_open", "this webhook keeps failing and is not called for a while",
                retryAfter: Int(max(1, (span.nanoseconds + 999_999_999) / 1_000_000_000)))
        }
    }

    /// An attempt that brought no answer to hand on.
    private struct Failure: Error {
        let problem: Problem
        let mayRetry: Bool
    }

    /// What an attempt means to the breaker and to the client.
    private func judge(_ outcome: Outcome, _ permit: CircuitBreaker.Permit) -> Result<[UInt8]?, Failure> {
        let failure: Failure
        switch outcome {
        case .answered(let status, let body) where (200..<300).contains(status):
            state.withLock { _ = $0.breaker.succeeded(permit, now: MonotonicClock.now) }
            do {
                return .success(try WebhookAnswer.checked(body, maxDepth: settings.maxJSONDepth))
            } catch {
                return .failure(Failure(problem: error, mayRetry: false))
            }
        case .answered(let status, let body)
        where (400..<500).contains(status) && status != 408 && status != 429:
            // It works, and says no.
            state.withLock { _ = $0.breaker.succeeded(permit, now: MonotonicClock.now) }
            return .failure(Failure(problem: WebhookAnswer.refusal(status, body), mayRetry: false))
        case .answered(let status, _):
            failure = Failure(
                problem: Problem(502, "webhook_failed", "the webhook answered \(status)", retryAfter: 1), mayRetry: true
            )
        case .timedOut:
            failure = Failure(
                problem: Problem(504, "timeout", "the webhook did not answer in time", retryAfter: 1), mayRetry: false)
        case .failed(let reason):
            failure = Failure(
                problem: Problem(502, "webhook_failed", "the webhook did not answer: \(reason)", retryAfter: 1),
                mayRetry: true)
        }
        state.withLock { state in
            state.figures.failures += 1
            if case .timedOut = outcome { state.figures.timeouts += 1 }
            state.breaker.failed(permit, now: MonotonicClock.now, random: state.random.next())
        }
        return .failure(failure)
    }

    /// How long to wait before the next attempt; `nil` if there is none.
    private func retryDelay(_ count: Int, until deadline: Instant) -> Instant.Span? {
        state.withLock { state in
            let now = MonotonicClock.now
            let delay = settings.backoff.delay(attempt: count - 1, random: state.random.next())
            guard now + delay < deadline, state.budget.admitRetry(now: now) else { return nil }
            state.figures.retries += 1
            return delay
        }
    }

    /// The same, for those who ask about everything behind the gateway.
    var upstreamFigures: UpstreamFigures {
        let (breaker, calls) = state.withLock { ($0.breaker.state(now: MonotonicClock.now), $0.figures) }
        var upstream = UpstreamFigures(.webhook, server: url, address: url)
        upstream.breaker = breaker
        upstream.calls = calls.calls
        upstream.failures = calls.failures
        upstream.latencies = calls.latencies
        upstream.pool = permits.health
        upstream.limit = settings.adaptiveLimits == nil ? nil : permits.figures
        return upstream
    }

    /// What it is doing, as members of a JSON object.
    func write(to writer: inout JSONWriter) {
        let (breaker, figures) = state.withLock { ($0.breaker.state(now: MonotonicClock.now), $0.figures) }
        let health = permits.health
        writer.member("circuit_breaker", breaker.rawValue)
        writer.member("calls", figures.calls)
        writer.member("retries", figures.retries)
        writer.member("failures", figures.failures)
        writer.member("timeouts", figures.timeouts)
        writer.member("refused", figures.refused)
        writer.member("pool") { writer in
            writer.member("status", health.status.rawValue)
            writer.member("pool_size", health.size)
            writer.member("available", health.available)
            writer.member("overflow", health.overflow)
            writer.member("queue_length", health.queueLength)
            writer.member("avg_checkout_time", Double(health.averageCheckoutTime.nanoseconds) / 1e6)
        }
    }
}
