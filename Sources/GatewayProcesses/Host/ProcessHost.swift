import CChildProcess
import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Starts processes, sees them end and reaps them, for all of the gateway: no more than a number of them at a time, and
/// none without an owner.
///
/// All of it happens on one thread that lives as long as the host: the system kills a child when the thread that started
/// it ends, and only who reaps a process knows that its number still means the same process. When a process ends, whatever
/// it started and left in its group is killed with it. When the gateway itself is killed, a small process of the host's,
/// the warden, kills the groups that are left.
public final class ProcessHost: Sendable {
    /// Descriptors of a process that runs; they belong to whoever gets them.
    struct Started: Sendable {
        var id: pid_t
        var input: CInt
        var output: CInt
        var errors: CInt
    }

    enum Order: Sendable {
        case spawn(
            ProcessCommand, started: @Sendable (Result<Started, ProcessStartFailure>) -> Void,
            ended: @Sendable (ProcessExit) -> Void)
        /// For the process group.
        case signal(pid_t, CInt)
        case close(@Sendable () -> Void)
    }

    private struct State {
        var orders: [Order] = []
        var live = 0
        var isClosed = false
        /// The thread has ended, and the bell is gone.
        var isSilent = false
    }

    public let maximumProcesses: Int
    private let state = Mutex(State())
    private let threads = NIOThreadPool(numberOfThreads: 1)
    private let bell: CInt

    /// - Parameters:
    ///   - maximumProcesses: how many may run at a time.
    ///   - usesProcessDescriptors: false asks each process in turn whether it has ended, as on systems that cannot tell.
    public init(maximumProcesses: Int, usesProcessDescriptors: Bool = true) throws(ProcessStartFailure) {
        self.maximumProcesses = maximumProcesses
        var ends: [CInt] = [0, 0]
        let problem = child_process_pipe(&ends)
        guard problem == 0 else { throw .systemError(systemReason(problem)) }
        bell = ends[1]
        for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
        let warden = child_process_warden(CInt(maximumProcesses))
        let table = ProcessTable(
            host: self, bell: ends[0], warden: warden, usesProcessDescriptors: usesProcessDescriptors)
        threads.start()
        // The host lives until it is closed.
        threads.submit { _ in table.run() }
    }

    /// How many processes run or are being started.
    public var liveProcesses: Int { state.withLock(\.live) }

    /// Kills what still runs, reaps it and ends the thread. Nothing starts any more.
    public func close() async {
        await withCheckedContinuation { continuation in
            let isFirst = state.withLock { state in
                defer { state.isClosed = true }
                return !state.isClosed
            }
            guard isFirst else { return continuation.resume() }
            order(.close { continuation.resume() })
        }
        state.withLock { state in
            state.isSilent = true
            _ = systemClose(bell)
        }
        try? await threads.shutdownGracefully()
    }

    /// Starts a process. Both closures are called on the host's thread, `ended` once and after `started`, when it did.
    func spawn(
        _ command: ProcessCommand, permit: (any ProcessPermit)? = nil,
        started: @escaping @Sendable (Result<Started, ProcessStartFailure>) -> Void,
        ended: @escaping @Sendable (ProcessExit) -> Void
    ) {
        if let reason = permit?.take() { return started(.failure(.notPermitted(reason))) }
        let refusal: ProcessStartFailure? = state.withLock { state in
            if state.isClosed { return .hostIsClosed }
            if state.live >= maximumProcesses { return .tooManyProcesses(limit: maximumProcesses) }
            state.live += 1
            return nil
        }
        if let refusal {
            permit?.giveBack()
            return started(.failure(refusal))
        }
        guard let permit else { return order(.spawn(command, started: started, ended: ended)) }
        order(
            .spawn(
                command,
                started: { result in
                    if case .failure = result { permit.giveBack() }
                    started(result)
                },
                ended: { exit in
                    permit.giveBack()
                    ended(exit)
                }))
    }

    /// Sends a signal to a process and all that it started; nothing when it has ended.
    func signal(_ process: pid_t, _ signal: CInt) { order(.signal(process, signal)) }

    private func order(_ order: Order) {
        state.withLock { state in
            guard !state.isSilent else { return }
            state.orders.append(order)
            var ring: UInt8 = 0
            // A full pipe rings as well.
            _ = write(bell, &ring, 1)
        }
    }

    func takeOrders() -> [Order] {
        state.withLock { state in
            defer { state.orders = [] }
            return state.orders
        }
    }

    func processEnded() { state.withLock { $0.live -= 1 } }
}

/// Asked where a process starts, beside the number that the host allows.
public protocol ProcessPermit: AnyObject, Sendable {
    /// Takes a place for one more process.
    /// - Returns: why there is none; `nil` if there was one.
    func take() -> String?

    /// The process is gone, or has not come about. Called on any thread.
    func giveBack()
}

/// `close` of the system, which methods of that name hide.
func systemClose(_ descriptor: CInt) -> CInt { close(descriptor) }

func systemReason(_ number: CInt) -> String { String(cString: strerror(number)) }
