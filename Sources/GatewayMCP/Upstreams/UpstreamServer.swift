import GatewayCore
import GatewayServer
import ModelContextProtocol
import NIOCore
import WireJSON

/// A server behind the gateway, as one event loop knows it.
final class UpstreamServer {
    let index: Int
    let settings: MCPSettings.Server
    unowned let hub: MCPHub
    /// What it had in its lists when they were last asked for, whoever asked.
    private(set) var lists: [ListKind: KnownList] = [:]
    /// Whether the last attempt to ask it failed.
    var problem: String?
    private let era: ServerEra
    /// Whether it has the transport of 2024-11-05, an event stream beside POST.
    var usesEventStream: Bool
    /// The session that all clients share, if they may.
    private var shared: UpstreamSession?
    /// The process that all clients without sessions share, where the server is a program that needs none.
    private var sharedModern: UpstreamSession?
    /// Connections to each replica; none for a program.
    let origins: [HTTPOrigin]
    /// What is known of the replicas on all event loops.
    let replicas: Replicas?
    /// How many of its calls may be under way; `nil` where no limit is learned.
    let gate: CallGate?
    private var healthCheck: HealthCheck?
    /// Calls of clients that have ended here, those among them without an answer, and how long they took.
    /// How long answers took, by tool.
    private(set) var toolLatencies: [String: LatencyHistogram] = [:]
    private(set) var calls = (ended: 0, failed: 0, latencies: LatencyHistogram())
    /// Whether the configuration has it no more.
    private(set) var isRemoved = false
    /// Sessions in a row that did not come about, and when the next one may be tried.
    private var failedStarts = 0
    private var nextStart = Instant.zero

    init(index: Int, settings: MCPSettings.Server, hub: MCPHub) {
        self.index = index
        self.settings = settings
        self.hub = hub
        usesEventStream = settings.isEventStream
        gate =
            settings.isLimited ?? hub.settings.adaptiveLimits.isEnabled
            ? CallGate(
                hub.settings.adaptiveLimits, serverName: settings.name,
                patience: (settings.pool ?? hub.settings.pool).checkoutTimeout, hub: hub) : nil
        era = hub.directory.era(of: settings)
        if case .url(let urls, _) = settings.target {
            let limits = settings.pool ?? hub.settings.pool
            origins = urls.map { HTTPOrigin($0.url, of: settings.name, pool: limits, hub: hub) }
            replicas = hub.directory.replicas(of: settings)
            if hub.index == 0 { healthCheck = HealthCheck(self) }
        } else {
            origins = []
            replicas = nil
        }
    }

    var name: String { settings.name }

    /// Whether it speaks the revisions with a handshake; `nil` as long as nobody knows.
    var speaksLegacy: Bool? {
        get { era.speaksLegacy }
        set { era.speaksLegacy = newValue }
    }

    /// Whether it speaks those without; `nil` as long as nobody knows.
    var speaksModern: Bool? {
        get { era.speaksModern }
        set { era.speaksModern = newValue }
    }

    /// Whether something of a client may stay with it, so that the client is to have one session with it and no more.
    var keepsSessions: Bool {
        switch settings.target {
        case .demo: false
        case .command: !settings.isStateless
        case .url: !settings.isStateless && speaksModern != true
        }
    }

    /// Headers that the configuration wants, as lines.
    lazy var configuredFields: String = {
        guard case .url(_, let headers) = settings.target else { return "" }
        let own: Set<String> = ["host", "content-length", "transfer-encoding", "connection"]
        return headers.filter { !own.contains($0.key.lowercased()) }.sorted { $0.key < $1.key }
            .map { "\($0.key): \($0.value)\r\n" }.joined()
    }()

    /// A session for a client: its own, but where nothing of it stays with the server.
    func session(for client: ClientSession) -> UpstreamSession {
        guard !settings.isStateless else { return sharedSession() }
        guard client.isPrincipal, case .command = settings.target, speaksModern != false else {
            return makeSession(client: client)
        }
        if let sharedModern, sharedModern.phase != .closed { return sharedModern }
        let session = ProcessSession(server: self, client: nil, prefersModern: true)
        sharedModern = session
        return session
    }

    /// The session that belongs to no client.
    func sharedSession() -> UpstreamSession {
        if let shared, shared.phase != .closed { return shared }
        let session = makeSession(client: nil)
        shared = session
        return session
    }

    private func makeSession(client: ClientSession?) -> UpstreamSession {
        switch settings.target {
        case .demo: DemoSession(server: self, client: client)
        case .url:
            usesEventStream
                ? EventStreamSession(server: self, client: client) : HTTPSession(server: self, client: client)
        case .command: ProcessSession(server: self, client: client, prefersModern: client?.isPrincipal ?? false)
        }
    }

    /// A list has come whole.
    /// - Parameter authorization: the credential of whoever asked for it.
    func learned(_ kind: ListKind, _ draft: KnownList.Draft, authorization: String?) -> KnownList {
        problem = nil
        if let known = lists[kind], known.isSame(as: draft) {
            known.authorization = authorization
            return known
        }
        let list = KnownList(draft, authorization: authorization)
        guard !isRemoved else { return list }
        lists[kind] = list
        hub.refreshViews()
        return list
    }

    func failed(_ reason: String) {
        if problem == nil {
            hub.logger.warning("MCP server failed", metadata: ["server": "\(name)", "reason": "\(reason)"])
        }
        problem = reason
    }

    /// Why no session is begun just now; `nil` if one may be.
    var reasonToWait: String? {
        guard !isRemoved else { return "it has been removed" }
        guard hub.now < nextStart else { return nil }
        return "\(problem ?? "it failed"); it is tried again in \((nextStart - hub.now).milliseconds + 1) ms"
    }

    /// A session has come about.
    func started() {
        failedStarts = 0
        nextStart = .zero
    }

    /// A session did not come about: the next attempt but one waits, and each time twice as long. A program that cannot
    /// run is not started again for every request.
    func failedToStart() {
        failedStarts += 1
        guard failedStarts > 1 else { return }
        var generator = SystemRandomNumberGenerator()
        nextStart = hub.now + Self.backoff.delay(attempt: failedStarts - 2, random: generator.next())
    }

    /// Whether one more attempt may follow a failed one at once: a connection may just have been an old one.
    var mayStartAgain: Bool { failedStarts <= 1 }

    private static let backoff = Backoff(initial: .milliseconds(200), limit: .seconds(30))

    /// A call has ended, one way or the other.
    func finished(_ call: Call, _ outcome: CallOutcome) {
        guard case .client = call.origin, !call.isOver else { return }
        let span = hub.now - call.startedAt
        let isFailure: Bool
        let isError: Bool
        switch outcome {
        case .answered(let message, _):
            isFailure = false
            isError = message.error != nil
        case .failed:
            isFailure = true
            isError = true
        }
        calls.ended += 1
        if isFailure { calls.failed += 1 }
        calls.latencies.add(span)
        if call.method == .callTool, let tool = call.name, !isFailure { noteTool(tool, span) }
        hub.directory.lastCalls.note(
            LastCalls.Entry(
                at: hub.wallMilliseconds, server: name, method: call.method?.rawValue ?? "", name: call.name,
                milliseconds: Double(span.nanoseconds) / 1e6, isError: isError))
    }

    private func noteTool(_ tool: String, _ span: Instant.Span) {
        let limit = hub.settings.maxToolMetrics
        guard limit > 0 else { return }
        // Names come from servers, and so does their number.
        let name = toolLatencies[tool] != nil || toolLatencies.count < limit ? tool : UpstreamFigures.otherTools
        toolLatencies[name, default: LatencyHistogram()].add(span)
    }

    /// Sessions that belong to no client.
    var sharedSessions: [UpstreamSession] { [shared, sharedModern].compactMap { $0 } }

    func tend(now: Instant) {
        for origin in origins { origin.tend(now: now) }
        gate?.tend(now: now)
        healthCheck?.tend(now: now)
        if let shared, shared.phase != .closed { shared.tend(now: now) }
        if let sharedModern, sharedModern.phase != .closed { sharedModern.tend(now: now) }
    }

    func stop() {
        shared?.close()
        shared = nil
        sharedModern?.close()
        sharedModern = nil
        for origin in origins { origin.close() }
        healthCheck = nil
    }

    /// The configuration has it no more.
    func remove() {
        isRemoved = true
        lists = [:]
        stop()
    }

    // MARK: - The question that servers of all revisions answer in their way

    lazy var discoverFields = ByteBuffer(
        string: "accept: application/json, text/event-stream\r\ncontent-type: application/json\r\n"
            + "mcp-protocol-version: \(ProtocolVersion.july2026.rawValue)\r\n"
            + "mcp-method: server/discover\r\n" + configuredFields)

    func discoverBody(number: Int) -> ByteBuffer {
        ByteBuffer(bytes: RPCAnswer.discoverRequest(id: number, clientInfo: hub.ownInfo))
    }
}
