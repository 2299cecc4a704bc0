import GatewayCore
import Logging
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A process that is kept as its supervisor says: started when it is wanted, restarted when it dies, stopped when it is
/// idle. Its standard input and output carry one message a line. Everything happens on one event loop.
public final class SupervisedProcess {
    public struct Limits: Equatable, Sendable {
        public var supervision: ProcessSupervisor.Limits
        /// Bytes of a line of standard output; a longer one is thrown away and reported.
        public var lineBytes: Int
        /// What may wait for a process that does not read its standard input.
        public var unsentBytes: Int
        /// Lines of standard error that are logged.
        public var errorLinesPerSecond: Int

        public init(
            supervision: ProcessSupervisor.Limits = .init(), lineBytes: Int = 16 << 20, unsentBytes: Int = 1 << 20,
            errorLinesPerSecond: Int = 50
        ) {
            self.supervision = supervision
            self.lineBytes = lineBytes
            self.unsentBytes = unsentBytes
            self.errorLinesPerSecond = errorLinesPerSecond
        }
    }

    public enum Event: Equatable, Sendable {
        /// It runs; say `ready` when it answers.
        case started(processID: Int32)
        case line(ByteBuffer)
        case junk(ProcessJunk)
        /// It could not be started; it is tried again if it is wanted after `restart`.
        case startFailed(ProcessStartFailure, restart: Instant.Span?)
        /// It is gone, and all its lines have been told.
        case ended(ProcessExit, restart: Instant.Span?)
        /// It is gone for good. The last event.
        case closed
    }

    public enum Sending: Equatable, Sendable {
        case sent
        /// It does not read what it was sent before.
        case full
        /// It does not run.
        case notRunning
    }

    private let command: ProcessCommand
    private let host: ProcessHost
    private let permit: (any ProcessPermit)?
    private let loop: any EventLoop
    private let limits: Limits
    private let errorLines: ErrorLines
    private let receive: (Event) -> Void
    private var supervisor: ProcessSupervisor
    private var child: ChildProcess?
    private var timer: (deadline: Instant, task: Scheduled<Void>)?
    private var random = SystemRandomNumberGenerator()
    private var hasToldClosed = false

    /// - Parameters:
    ///   - permit: asked before each start; `nil` if the host alone decides.
    ///   - receive: called on `loop`, never from within one of the methods.
    public init(
        _ command: ProcessCommand, limits: Limits = Limits(), host: ProcessHost,
        permit: (any ProcessPermit)? = nil, loop: any EventLoop, logger: Logger,
        receive: @escaping (Event) -> Void
    ) {
        loop.preconditionInEventLoop()
        self.command = command
        self.limits = limits
        self.host = host
        self.permit = permit
        self.loop = loop
        self.receive = receive
        supervisor = ProcessSupervisor(limits: limits.supervision)
        errorLines = ErrorLines(logger: logger, linesPerSecond: limits.errorLinesPerSecond) {
            Self.instant(of: loop)
        }
    }

    public var phase: ProcessSupervisor.Phase { supervisor.phase }
    /// When the next start comes or the present phase ends by itself.
    public var deadline: Instant? { supervisor.deadline }

    /// Somebody wants to use it: it is started now, or as soon as its wait is over.
    public func wanted() { carryOut(supervisor.wanted(now: now)) }

    /// It answers.
    public func ready() {
        supervisor.ready(now: now)
        setTimer()
    }

    /// A call is under way: it is not idle.
    public func callBegan() {
        supervisor.callBegan()
        setTimer()
    }

    public func callEnded() {
        supervisor.callEnded(now: now)
        setTimer()
    }

    /// Its owner has found it unusable: it is stopped, and started again after a wait.
    public func failed() { carryOut(supervisor.failed(now: now)) }

    /// Stops it for good; `closed` follows.
    public func close() {
        carryOut(supervisor.close(now: now))
        guard supervisor.phase == .closed else { return }
        let this = NIOLoopBound(self, eventLoop: loop)
        loop.execute { this.value.tellClosed() }
    }

    /// Writes a message, which holds no line end, to its standard input.
    public func send(_ line: ByteBuffer) -> Sending {
        guard let child else { return .notRunning }
        switch child.send(line) {
        case .sent: return .sent
        case .full: return .full
        case .closed: return .notRunning
        }
    }

    /// Whether its standard output is read; while it is not, the process waits as soon as its pipe is full.
    public func setReading(_ isReading: Bool) { child?.setReading(isReading) }

    // MARK: What the supervisor wants

    private func carryOut(_ action: ProcessSupervisor.Action) {
        switch action {
        case .none: break
        case .spawn: spawn()
        case .closeInput: child?.closeInput()
        case .terminate: child?.signal(SIGTERM)
        case .kill: child?.signal(SIGKILL)
        }
        setTimer()
    }

    /// As long as a process runs it keeps this object alive, so that none runs without its rules.
    private func spawn() {
        let next = ChildProcess(
            host: host, permit: permit, loop: loop,
            limits: .init(lineBytes: limits.lineBytes, unsentBytes: limits.unsentBytes),
            errorLines: errorLines
        ) { child, event in self.happened(event, in: child) }
        child = next
        next.start(command)
    }

    private func happened(_ event: ChildProcess.Event, in child: ChildProcess) {
        guard child === self.child else { return }
        switch event {
        case .started(let id):
            // It may have been given up while it was being started.
            switch supervisor.phase {
            case .stopping(.terminated): child.signal(SIGTERM)
            case .stopping(.killed): child.signal(SIGKILL)
            default: break
            }
            receive(.started(processID: id))
        case .piece(.line(let line)): receive(.line(line))
        case .piece(.junk(let junk)): receive(.junk(junk))
        case .outputEnded: carryOut(supervisor.failed(now: now))
        case .startFailed(let failure): over { .startFailed(failure, restart: $0) }
        case .ended(let exit): over { .ended(exit, restart: $0) }
        }
    }

    private func over(_ event: (Instant.Span?) -> Event) {
        child = nil
        supervisor.ended(now: now, random: random.next())
        let restart = supervisor.phase == .waiting ? supervisor.deadline.map { max($0 - now, .milliseconds(0)) } : nil
        setTimer()
        receive(event(restart))
        if supervisor.phase == .closed { tellClosed() }
    }

    private func tellClosed() {
        guard !hasToldClosed else { return }
        hasToldClosed = true
        receive(.closed)
    }

    // MARK: Time

    private var now: Instant { Self.instant(of: loop) }

    private static func instant(of loop: any EventLoop) -> Instant {
        Instant(nanoseconds: Int64(loop.now.uptimeNanoseconds))
    }

    private func setTimer() {
        guard timer?.deadline != supervisor.deadline else { return }
        timer?.task.cancel()
        timer = nil
        guard let deadline = supervisor.deadline else { return }
        // The process keeps itself alive as long as something is to be done.
        let this = NIOLoopBound(self, eventLoop: loop)
        let task = loop.scheduleTask(deadline: .uptimeNanoseconds(UInt64(deadline.nanoseconds))) {
            this.value.timerFired()
        }
        timer = (deadline, task)
    }

    private func timerFired() {
        timer = nil
        carryOut(supervisor.deadlineReached(now: now))
    }
}
