import GatewayCore

/// When a process runs: started when it is wanted, given a time to become ready, stopped step by step, started again after
/// a growing wait when it died, stopped when nobody used it for long. It knows no process and no clock: it is told what
/// happened and answers what to do.
public struct ProcessSupervisor: Equatable, Sendable {
    public struct Limits: Equatable, Sendable {
        /// How long from the start until `ready`.
        public var startTimeout: Instant.Span
        /// How long a process has after its standard input was closed, before it is asked by signal.
        public var closeGrace: Instant.Span
        /// How long it has after SIGTERM, before SIGKILL.
        public var terminateGrace: Instant.Span
        /// A process without calls for so long is stopped; nil: never.
        public var idleTimeout: Instant.Span?
        /// Waits between a death and the next start.
        public var backoff: Backoff
        /// Whoever ran for so long has not failed to start: waits begin anew.
        public var stableAfter: Instant.Span
        /// Whether it is started again after a death without being asked for.
        public var keepsRunning: Bool

        public init(
            startTimeout: Instant.Span = .seconds(30), closeGrace: Instant.Span = .seconds(2),
            terminateGrace: Instant.Span = .seconds(2), idleTimeout: Instant.Span? = .seconds(300),
            backoff: Backoff = Backoff(initial: .milliseconds(500), limit: .seconds(30), jitter: 0.5),
            stableAfter: Instant.Span = .seconds(60), keepsRunning: Bool = false
        ) {
            self.startTimeout = startTimeout
            self.closeGrace = closeGrace
            self.terminateGrace = terminateGrace
            self.idleTimeout = idleTimeout
            self.backoff = backoff
            self.stableAfter = stableAfter
            self.keepsRunning = keepsRunning
        }
    }

    public enum Action: Equatable, Sendable {
        case none
        case spawn
        /// Close its standard input.
        case closeInput
        /// SIGTERM to its group.
        case terminate
        /// SIGKILL to its group.
        case kill
    }

    /// How a process is brought to its end.
    public enum StopStep: Equatable, Sendable {
        /// Its input is closed.
        case inputClosed
        /// It got SIGTERM.
        case terminated
        /// It got SIGKILL: its end is only a matter of the system.
        case killed
    }

    public enum Phase: Equatable, Sendable {
        /// Nothing runs, nobody asked. Can transition to: starting, closed.
        case stopped
        /// Runs or is about to, and is not ready. Can transition to: running, stopping, waiting.
        case starting
        /// Can transition to: stopping, waiting, stopped.
        case running
        /// Can transition to: waiting, stopped, closed.
        case stopping(StopStep)
        /// Died; starts again after a while if it is wanted. Can transition to: starting, stopped, closed.
        case waiting
        /// For good.
        case closed
    }

    public let limits: Limits
    public private(set) var phase = Phase.stopped
    /// When `deadlineReached` has something to do.
    public private(set) var deadline: Instant?
    /// Deaths without a stable life between them.
    public private(set) var failures = 0
    private var calls = 0
    private var startedAt = Instant.zero
    /// Whether the present or last process has become ready.
    private var wasReady = false
    private var isWanted = false
    private var isClosing = false
    /// Whether the stop under way follows from a failure, so that a wait comes after it.
    private var hasFailed = false

    public init(limits: Limits) { self.limits = limits }

    /// Whether a process exists or is about to.
    public var isAlive: Bool {
        switch phase {
        case .starting, .running, .stopping: true
        case .stopped, .waiting, .closed: false
        }
    }

    /// Somebody wants to use it.
    public mutating func wanted(now: Instant) -> Action {
        guard !isClosing else { return .none }
        switch phase {
        case .stopped: return start(now: now)
        case .waiting, .stopping: isWanted = true
        case .starting, .running, .closed: break
        }
        return .none
    }

    /// It answers.
    public mutating func ready(now: Instant) {
        guard phase == .starting else { return }
        phase = .running
        wasReady = true
        deadline = nil
        restInCalls(now: now)
    }

    public mutating func callBegan() {
        calls += 1
        if phase == .running { deadline = nil }
    }

    public mutating func callEnded(now: Instant) {
        precondition(calls > 0, "A call ended that did not begin")
        calls -= 1
        restInCalls(now: now)
    }

    private mutating func restInCalls(now: Instant) {
        guard phase == .running, calls == 0, let idle = limits.idleTimeout else { return }
        deadline = now + idle
    }

    /// Its standard output has ended, or its owner has found it unusable: it is of no more use.
    public mutating func failed(now: Instant) -> Action {
        guard phase == .starting || phase == .running else { return .none }
        return beginStop(now: now, failing: true)
    }

    /// It could not be started, or it is gone, and all it had written has been read.
    ///
    /// - Parameter random: 64 random bits for the jitter of the wait.
    public mutating func ended(now: Instant, random: UInt64) {
        guard isAlive else { return }
        let diedByItself = phase == .starting || phase == .running
        deadline = nil
        if isClosing {
            phase = .closed
            return
        }
        guard diedByItself || hasFailed else {
            // It was idle. Whoever came meanwhile need not wait.
            failures = 0
            phase = .waiting
            deadline = now
            if !isWanted { rest() }
            return
        }
        hasFailed = false
        if wasReady, now - startedAt >= limits.stableAfter { failures = 0 }
        phase = .waiting
        deadline = now + limits.backoff.delay(attempt: failures, random: random)
        failures += 1
    }

    private mutating func rest() {
        phase = .stopped
        deadline = nil
    }

    /// Stops it for good.
    public mutating func close(now: Instant) -> Action {
        isClosing = true
        switch phase {
        case .starting, .running: return beginStop(now: now, failing: false)
        case .stopping: return .none
        case .stopped, .waiting, .closed:
            phase = .closed
            deadline = nil
            return .none
        }
    }

    public mutating func deadlineReached(now: Instant) -> Action {
        guard let deadline, deadline <= now else { return .none }
        switch phase {
        case .starting: return beginStop(now: now, failing: true)
        case .running: return beginStop(now: now, failing: false)
        case .stopping(.inputClosed):
            phase = .stopping(.terminated)
            self.deadline = now + limits.terminateGrace
            return .terminate
        case .stopping(.terminated):
            phase = .stopping(.killed)
            self.deadline = nil
            return .kill
        case .waiting:
            if isWanted || limits.keepsRunning { return start(now: now) }
            rest()
            return .none
        case .stopping(.killed), .stopped, .closed:
            self.deadline = nil
            return .none
        }
    }

    private mutating func start(now: Instant) -> Action {
        isWanted = false
        hasFailed = false
        wasReady = false
        startedAt = now
        phase = .starting
        deadline = now + limits.startTimeout
        return .spawn
    }

    private mutating func beginStop(now: Instant, failing: Bool) -> Action {
        hasFailed = failing
        phase = .stopping(.inputClosed)
        deadline = now + limits.closeGrace
        return .closeInput
    }
}
