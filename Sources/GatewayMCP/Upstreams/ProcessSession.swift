import GatewayCore
import GatewayProcesses
import ModelContextProtocol
import NIOCore

/// A session with a server that is a program: one process is one session.
final class ProcessSession: UpstreamSession {
    /// Kept through restarts, so that waits between them grow.
    private var process: SupervisedProcess?
    /// Whether the process of the present beginning runs. What comes before is of the one that was given up.
    private var hasStarted = false
    private var handshakeNumber = -1
    private var lastUse = Instant.zero

    override func open() {
        hasStarted = false
        lastUse = hub.now
        guard let process = process ?? makeProcess() else {
            // Not at once: whoever begins a session is not done with it yet.
            return hub.eventLoop.assumeIsolated().execute { [weak self] in
                self?.lost("processes cannot be started here", mayRetry: false)
            }
        }
        self.process = process
        process.wanted()
    }

    private func makeProcess() -> SupervisedProcess? {
        guard case .command(let program, let arguments, let environment, let directory) = server.settings.target,
            let host = hub.directory.processHost()
        else { return nil }
        let settings = hub.settings
        let command = ProcessCommand(
            program: program, arguments: arguments, environment: ProcessCommand.inherited(adding: environment),
            workingDirectory: directory)
        let limits = SupervisedProcess.Limits(
            supervision: .init(
                // The session has the same bound, and a better word for it.
                startTimeout: Instant.Span(nanoseconds: settings.startTimeout.nanoseconds + 1_000_000_000),
                idleTimeout: nil,
                backoff: Backoff(initial: .milliseconds(100), limit: .seconds(5), jitter: 0.5)),
            lineBytes: settings.maxResultBytes, unsentBytes: settings.maxUnsentBytes)
        var logger = hub.logger
        logger[metadataKey: "server"] = "\(server.name)"
        return SupervisedProcess(command, limits: limits, host: host, loop: hub.eventLoop, logger: logger) {
            [weak self] in self?.happened($0)
        }
    }

    private func happened(_ event: SupervisedProcess.Event) {
        hub.readClock()
        switch event {
        case .started: begin()
        case .line(let line):
            guard hasStarted else { return }
            line.withUnsafeReadableBytes { received($0) }
        case .junk(let junk):
            guard hasStarted else { return }
            // Some programs print to the stream that is the protocol's. That is theirs to mend, and ours to survive;
            // but a line that was thrown away may have been an answer.
            guard case .tooLong = junk else {
                return hub.logger.debug("not a message", metadata: ["server": "\(server.name)"])
            }
            lost("it sent more than mcp.max_result_bytes in one line", mayRetry: false)
        case .startFailed(.tooManyProcesses, _):
            lost("all mcp.max_processes processes are in use", mayRetry: false, isRefusal: true)
        case .startFailed(let failure, _): lost("\(failure)", mayRetry: false)
        case .ended(let exit, _):
            guard hasStarted else { return }
            lost("its process has ended with \(exit)", mayRetry: true)
        case .closed: break
        }
    }

    private func begin() {
        guard phase == .opening else { return }
        hasStarted = true
        handshakeNumber = hub.nextNumber()
        let body = RPCAnswer.initializeRequest(
            id: handshakeNumber, version: client?.version ?? .latestWithHandshake,
            capabilities: client?.capabilities ?? Array("{}".utf8), clientInfo: client?.clientInfo ?? hub.ownInfo)
        _ = process?.send(ByteBuffer(bytes: body))
    }

    override func openingAnswered(_ number: Int, _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard number == handshakeNumber else { return false }
        handshakeNumber = -1
        guard message.result != nil else {
            lost("it refused initialize", mayRetry: false)
            return true
        }
        process?.ready()
        _ = process?.send(ByteBuffer(bytes: RPCAnswer.initialized))
        began()
        return true
    }

    override func transmit(_ call: Call) {
        lastUse = hub.now
        switch process?.send(call.legacyMessage(hub.settings.maxJSONDepth)) {
        case .sent: break
        case .full:
            failed(call, .internalError("\(server.name) does not read what it is sent (mcp.max_unsent_bytes)"))
        // Its end is on its way here, and decides what becomes of the call.
        case .notRunning, nil: break
        }
    }

    override func transmit(_ message: ByteBuffer) {
        lastUse = hub.now
        _ = process?.send(message)
    }

    override func tend(now: Instant) {
        super.tend(now: now)
        if isQuiet {
            if let limit = hub.settings.processIdleTimeout, now - lastUse >= limit { rest() }
        } else {
            lastUse = now
        }
    }

    override func shut() {
        hasStarted = false
        // After a failure it may be tried again, and then waits; without one it is not needed again, or not soon.
        if phase == .idle, !isResting { return process?.failed() ?? () }
        process?.close()
        process = nil
    }
}
