import GatewayCore
import GatewayProcesses
import ModelContextProtocol
import NIOCore

/// A session with a server that is a program, of whichever era: one process is one session. In the era without sessions
/// one process is for all clients that need none either.
final class ProcessSession: UpstreamSession {
    /// Kept through restarts, so that waits between them grow.
    private var process: SupervisedProcess?
    /// Whether the process of the present beginning runs. What comes before is of the one that was given up.
    private var hasStarted = false
    private var handshakeNumber = -1
    /// The question which era it is of, and until when that is waited for: programs may say nothing to what they do not know.
    private var probe: (number: Int, deadline: Instant)?
    /// The request that is open for what the server says by itself, in the era without sessions.
    private var listenNumber: Int?
    private let prefersModern: Bool
    private(set) var lastUse = Instant.zero
    /// The place that the process has among those of all servers. Each has one of its own: the one before may be there still.
    private var permit: ServerProcessPermit?
    /// Why its process does not start yet, while what its server may have is on its way back.
    private var reasonToWait: String?

    /// - Parameter prefersModern: whether it is for clients without sessions.
    init(server: UpstreamServer, client: ClientSession?, prefersModern: Bool) {
        self.prefersModern = prefersModern
        super.init(server: server, client: client)
    }

    override func open() {
        hasStarted = false
        isModern = false
        probe = nil
        listenNumber = nil
        handshakeNumber = -1
        lastUse = hub.now
        reasonToWait = nil
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
        let permit = ServerProcessPermit(server: server.name, share: hub.directory.processShare)
        self.permit = permit
        var logger = hub.logger
        logger[metadataKey: "server"] = "\(server.name)"
        return SupervisedProcess(
            command, limits: limits, host: host, permit: permit, loop: hub.eventLoop, logger: logger
        ) {
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
        case .startFailed(.notPermitted(let reason), _):
            guard permit?.isLent == true, phase == .opening else {
                return lost(reason, mayRetry: false, isRefusal: true)
            }
            // It comes back: it is asked for again, after a wait each time.
            reasonToWait = reason
            process?.wanted()
        case .startFailed(let failure, _): lost("\(failure)", mayRetry: false)
        case .ended(let exit, _):
            guard hasStarted else { return }
            // That is what some make of a request before the handshake: the next one is not asked, and is one client's.
            if probe != nil, server.speaksLegacy == nil {
                server.speaksModern = false
                if prefersModern, isShared { return handOver() }
            }
            lost("its process has ended with \(exit)", mayRetry: true)
        case .closed: break
        }
    }

    private func begin() {
        guard phase == .opening else { return }
        hasStarted = true
        reasonToWait = nil
        choose()
    }

    /// Chooses the era, and begins in it.
    private func choose() {
        if server.speaksLegacy == false || prefersModern && server.speaksModern == true {
            beginModern()
        } else if prefersModern, server.speaksModern == nil {
            ask()
        } else {
            beginLegacy()
        }
    }

    /// Asks which era it is of.
    private func ask() {
        let number = hub.nextNumber()
        let patience = Instant.Span(nanoseconds: hub.settings.startTimeout.nanoseconds / 4)
        probe = (number, hub.now + patience)
        _ = process?.send(server.discoverBody(number: number))
    }

    /// - Parameter isModern: `nil` if there was no answer.
    private func asked(isModern: Bool?) {
        probe = nil
        server.speaksModern = isModern ?? false
        guard server.speaksLegacy == false, isModern != true else {
            return prefersModern && isShared && isModern != true ? handOver() : choose()
        }
        // This was the second attempt, after a handshake that was refused.
        server.speaksLegacy = nil
        server.speaksModern = nil
        lost("it answers neither initialize nor server/discover", mayRetry: false)
    }

    /// It needs sessions: each client gets one of its own.
    private func handOver() {
        let calls = takeCalls()
        close()
        for call in calls { (call.client?.upstream(server) ?? server.sharedSession()).submit(call) }
    }

    override var mayHandOver: Bool { isShared && prefersModern && server.speaksModern == nil }

    private func beginLegacy() {
        handshakeNumber = hub.nextNumber()
        let body = RPCAnswer.initializeRequest(
            id: handshakeNumber, version: client?.version ?? .latestWithHandshake,
            capabilities: client?.capabilities ?? Array("{}".utf8), clientInfo: client?.clientInfo ?? hub.ownInfo)
        _ = process?.send(ByteBuffer(bytes: body))
    }

    private func beginModern() {
        isModern = true
        process?.ready()
        began()
        if phase == .ready { listen() }
    }

    override func openingAnswered(_ number: Int, _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer) -> Bool {
        if let probe, number == probe.number {
            asked(isModern: Self.isModernAnswer(message, bytes))
            return true
        }
        guard number == handshakeNumber else { return false }
        handshakeNumber = -1
        guard message.result != nil else {
            // Silence or an end may have been all that was known of it: a program that was not ready yet is asked again.
            guard server.speaksLegacy == nil else {
                lost("it refused initialize", mayRetry: false)
                return true
            }
            server.speaksLegacy = false
            ask()
            return true
        }
        server.speaksLegacy = true
        process?.ready()
        _ = process?.send(ByteBuffer(bytes: RPCAnswer.initialized))
        began()
        return true
    }

    // MARK: - What the server says by itself, in the era without sessions

    override var opensNewsStream: Bool { isModern }

    /// A process that all share is no session: another one takes its place, and is asked for news again.
    override var isListenedTo: Bool {
        super.isListenedTo || isModern && hub.listeners.values.contains { $0.view.shows(server) }
    }

    /// Asks for it; what was asked before is taken back.
    private func listen() {
        if let listenNumber {
            let notice =
                "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":\(listenNumber)}}"
            _ = process?.send(ByteBuffer(string: notice))
        }
        let number = hub.nextNumber()
        listenNumber = number
        let body = RPCAnswer.listenRequest(
            id: number, resources: subscribedResources, clientInfo: client?.clientInfo ?? hub.ownInfo,
            capabilities: client?.capabilities ?? Array("{}".utf8))
        _ = process?.send(ByteBuffer(bytes: body))
    }

    override func answeredNoCall(_ number: Int) {
        // It has ended the subscription, or has none: nobody is to wait for it.
        guard number == listenNumber else { return }
        listenNumber = nil
        newsBegan()
    }

    // MARK: - Messages

    override func transmit(_ call: Call) {
        lastUse = hub.now
        if isModern, call.method == .subscribe || call.method == .unsubscribe {
            let answer = RPCAnswer.result(Array("{}".utf8), id: Array(String(call.number).utf8))
            answer.withUnsafeBytes { received($0, with: call) }
            return listen()
        }
        let depth = hub.settings.maxJSONDepth
        let message =
            isModern
            ? call.modernMessage(
                clientInfo: client?.clientInfo ?? hub.ownInfo, capabilities: client?.capabilities ?? Array("{}".utf8),
                depth) : call.legacyMessage(depth)
        switch process?.send(message) {
        case .sent: break
        case .full:
            failed(call, .internalError("\(server.name) does not read what it is sent (mcp.max_unsent_bytes)"))
        // Its end is on its way here, and decides what becomes of the call.
        case .notRunning, nil: break
        }
    }

    override func transmit(_ message: ByteBuffer) {
        lastUse = hub.now
        // The era without sessions has nothing that a notification could be about, but for calls that are given up.
        if !isModern { _ = process?.send(message) }
    }

    override func transmitCancellation(_ call: Call, notice: ByteBuffer) { _ = process?.send(notice) }

    /// Whether nobody would notice if its process were another one by the next call.
    var isIdle: Bool { isQuiet && !isListenedTo }

    /// Stops the process, whose place belongs to others.
    func giveWay() {
        guard isIdle else { return }
        permit?.ends()
        rest()
    }

    override func tend(now: Instant) {
        if phase == .opening, let reasonToWait, now - openedAt > hub.settings.startTimeout {
            lost(reasonToWait, mayRetry: false, isRefusal: true)
        }
        super.tend(now: now)
        if phase == .opening, let probe, now > probe.deadline { asked(isModern: nil) }
        if isIdle {
            if let limit = hub.settings.processIdleTimeout, now - lastUse >= limit { rest() }
        } else {
            lastUse = now
        }
    }

    override func shut() {
        hasStarted = false
        // After a failure it may be tried again, and then waits; without one it is not needed again, or not soon.
        if phase == .idle, !isResting, reasonToWait == nil { return process?.failed() ?? () }
        reasonToWait = nil
        process?.close()
        process = nil
    }
}
