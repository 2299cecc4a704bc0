import GatewayCore
import GatewayStore
import GatewayViability
import Logging
import NIOCore
import NIOPosix
import Synchronization
import WireJSON

/// The gateway of one process: sessions, topics, event loops and listeners.
public final class Gateway: Sendable {
    public let settings: GatewaySettings
    /// When the process began to be a gateway.
    let startedAt: Instant
    package let directory: SessionDirectory
    let topics: TopicRegistry
    /// Who is on the topics whose members see each other.
    let presence: PresenceRegistry
    let operations: OperationsLog
    let ledger: IdempotencyLedger
    /// Where durable messages are kept beyond the process; `nil` if they end with it.
    let storage: MessageStorage?
    package let admission: Admission
    /// Who is let in by address and name.
    let accessGuard: AccessGuard
    let threats = ThreatCounters()
    /// What administrators did.
    let audit: AuditLog
    /// What is given up while memory is short.
    let memory: MemoryWatch
    let policyGate = PolicyGate()
    let queues = QueueFigures()
    /// The bounds of sessions while slow readers make way.
    /// What holds of sessions while memory is short.
    let reducedSession: SessionLimits
    let compressionContexts: CompressionContextBudget
    let originPolicy: OriginPolicy
    let peers: PeerPolicy
    let longPollTokens: LongPollTokens
    /// Who is let in.
    let gatekeeper: Gatekeeper
    /// Polls whose answer is due.
    let waitingPolls = SharedCounter()
    /// What has been used of the switches back that the node allows.
    private let returnUsage = Mutex(RateLimit.Usage())
    /// Those who follow clients within this process.
    let observers = ClientObservers()
    /// What went wrong for clients lately.
    let recentErrors = RecentErrors()
    /// What servers share, and how some of it is taken back.
    let serverShares: Mutex<[SharedPlaces]> = Mutex([])
    /// Who knows the servers behind the gateway.
    let upstreams: Mutex<[@Sendable () async -> [UpstreamFigures]]> = Mutex([])
    /// The node as a viable system.
    public let viability: ViabilityMonitor
    /// Changes of transport that connections were told of.
    let switches = SwitchCounters()
    /// By how much the last audit found the counts of admission to differ, and how many audits there were.
    let admissionDifferences: Mutex<[GatewaySettings.Service: Int]> = Mutex([:])
    let auditStep = Atomic<Int>(0)
    private let viabilityBeat: Mutex<Task<Void, Never>?> = Mutex(nil)
    /// What goes on beside the event loops: handlers of messages, questions about clients.
    let tasks = RunningTasks()
    let logger: Logger
    /// What others have to tell beside the gateway's own statistics.
    let moreMetrics: Mutex<[@Sendable (inout MetricsText) -> Void]> = Mutex([])
    let moreStatistics: Mutex<[(name: String, write: @Sendable (inout JSONWriter) -> Void)]> = Mutex([])
    let group: MultiThreadedEventLoopGroup
    let loopCount: Int
    /// Answers what is not on the hot path; set once, before the listeners open.
    let api: Mutex<(any APIResponder)?> = Mutex(nil)
    let loops: Mutex<[NIOLoopBound<LoopState>]> = Mutex([])
    private let inboxList: OnceList<WakeInbox>
    private let listeners: Mutex<[Listener]> = Mutex([])
    /// What the listeners that encrypt prove themselves with.
    private let identities: Mutex<[TLSIdentity]> = Mutex([])
    private let certificateWatch: Mutex<Task<Void, Never>?> = Mutex(nil)
    private let phase = Atomic<UInt8>(Phase.starting.rawValue)
    private let sweepStep = Atomic<Int>(0)
    /// Where the sessions are that are looked at next while memory is short.
    let shortenStep = Atomic<Int>(0)
    /// Where the drain stands, once there is one.
    let drainState = Mutex(DrainProgress())
    let drainSettings: Mutex<DrainSettings>
    /// Where spans go; `nil` if nothing is traced.
    let tracing: SpanRecorder?
    /// `Watching`, as it may change.
    let watching: Atomic<UInt8>
    let requests: Mutex<Requests?> = Mutex(nil)

    /// Where the gateway stands between start and stop. Only forwards.
    public enum Phase: UInt8, Sendable, Comparable {
        case starting, serving
        /// Not ready any more, and everything else as always: whoever sends clients here is given time to see it.
        case leaving
        case draining, stopped

        public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    }

    /// - Parameter store: keeps durable messages beyond the process; `nil` lets them end with it.
    public init(settings: GatewaySettings, store: (any MessageStore)? = nil, logger: Logger) {
        self.settings = settings
        self.logger = logger
        drainSettings = Mutex(settings.drain)
        tracing = settings.tracing
        watching = Atomic(Watching(settings).rawValue)
        startedAt = Clock.now
        loopCount = settings.eventLoops > 0 ? settings.eventLoops : max(1, System.coreCount - 1)
        group = MultiThreadedEventLoopGroup(numberOfThreads: loopCount)
        topics = TopicRegistry(
            retained: RetainedMessages(maxTopics: settings.maxRetainedTopics, maxBytes: settings.maxRetainedBytes))
        presence = PresenceRegistry(settings.presence)
        let ledger = IdempotencyLedger(window: settings.idempotencyWindow, limit: settings.maxRememberedIDs)
        let inboxList = OnceList<WakeInbox>()
        let storage = store.map { store in
            MessageStorage(store, settings: settings, ledger: ledger, logger: logger) { loop, answers in
                inboxList.items[loop].post(answers)
            }
        }
        self.ledger = ledger
        self.inboxList = inboxList
        self.storage = storage
        directory = SessionDirectory(limit: settings.maxSessions, storage: storage)
        operations = OperationsLog(settings, now: startedAt)
        memory =
            settings.memoryMeasure.map { MemoryWatch(budget: settings.memoryBudget, measure: $0) }
            ?? MemoryWatch(budget: settings.memoryBudget)
        accessGuard = AccessGuard(settings.protection, logger: logger, now: Clock.wall)
        audit = AuditLog(settings.protection, logger: logger)
        admission = Admission(settings, memory: memory, accessGuard: accessGuard)
        var reduced = settings.session
        reduced.maxUnsentBytes /= 8
        reduced.logBytes /= 8
        reducedSession = reduced
        compressionContexts = CompressionContextBudget(
            bytes: settings.compressionContextMemory, level: settings.compressionLevel)
        originPolicy = OriginPolicy(
            allowed: settings.allowedOrigins, hosts: settings.hosts, publicHost: settings.publicHost)
        peers = PeerPolicy(trusted: settings.trustedProxies)
        viability = ViabilityMonitor(settings.viability, bus: EventBus(observers))
        longPollTokens = LongPollTokens(secret: settings.secretKeyBase)
        observers.traces.configure(
            ClientTraces.Limits(clients: settings.operations.maxTraces, events: settings.operations.maxTraceEvents))
        gatekeeper = Gatekeeper(settings.authentication, adminToken: settings.adminToken, now: Clock.wall)
        if settings.isViabilityOn { grantFirst() }
        holdRules()
    }

    /// The policy that a connection asks for by name.
    func slowConsumerPolicy(named name: String) throws(Problem) -> SlowConsumerPolicy {
        guard let policy = SlowConsumerPolicy(rawValue: name) else {
            let names = SlowConsumerPolicy.allCases.map(\.rawValue).joined(separator: ", ")
            throw .badRequest("slow_consumer_policy must be one of " + names)
        }
        guard settings.slowConsumerPolicies.contains(policy) else {
            throw Problem(
                403, "policy_violation", "session.allowed_slow_consumer_policies does not have \(policy.rawValue)")
        }
        return policy
    }

    /// Whether one more client may go back to a better transport now. When a proxy of all has failed and comes back, they
    /// do not change over in one moment.
    func admitsReturn(now: Instant) -> Bool {
        returnUsage.withLock { settings.returnRate.admit(&$0, now: now) == .admitted }
    }

    /// The wake inbox of each event loop.
    var inboxes: [WakeInbox] { inboxList.items }

    /// Whether clients may begin streams.
    var admitsClients: Bool {
        let phase = currentPhase
        return phase == .serving || phase == .leaving
    }

    public var currentPhase: Phase { Phase(rawValue: phase.load(ordering: .acquiring)) ?? .stopped }

    /// Where the listeners listen, once they do.
    public var addresses: [GatewaySettings.Service: [SocketAddress]] {
        listeners.withLock { list in
            Dictionary(list.map { ($0.service, $0.addresses) }, uniquingKeysWith: +)
        }
    }

    // MARK: - Start and stop

    /// Opens the listeners.
    /// - Throws: `ListenError` if a port cannot be bound, `CertificateError` if a certificate cannot be used, `StoreError` if
    ///   the storage cannot be opened.
    /// - Parameters:
    ///   - responder: answers what is on no hot path.
    ///   - providers: answer on the event loops themselves.
    public func start(api responder: any APIResponder = NoAPI(), endpoints providers: [any EndpointProvider] = [])
        async throws
    {
        // Before anything else: a certificate that cannot be used is the operator's to mend.
        let loaded = try settings.tls.map { service, tls throws(CertificateError) in try TLSIdentity(service, tls) }
        identities.withLock { $0 = loaded }
        try await storage?.open()
        api.withLock { $0 = responder }
        var states: [NIOLoopBound<LoopState>] = []
        var inboxes: [WakeInbox] = []
        for (index, eventLoop) in group.makeIterator().enumerated() {
            let (state, inbox) = try await eventLoop.submit {
                let state = LoopState(index: index, eventLoop: eventLoop, gateway: self)
                state.start()
                for provider in providers { state.install(provider) }
                return (NIOLoopBound(state, eventLoop: eventLoop), WakeInbox(state, eventLoop: eventLoop))
            }.get()
            states.append(state)
            inboxes.append(inbox)
        }
        loops.withLock { $0 = states }
        inboxList.fill(inboxes)
        scheduleSweeps()
        schedulePresence()
        if settings.isViabilityOn {
            let beat = startViability()
            viabilityBeat.withLock { $0 = beat }
        }
        for service in GatewaySettings.Service.allCases {
            let identity = loaded.first { $0.service == service }
            let listener = try await Listener.open(service, identity: identity, gateway: self, states: states)
            listeners.withLock { $0.append(listener) }
        }
        advance(to: .serving)
        watchCertificates()
    }

    /// Reads certificates and keys again; connections that begin afterwards get them.
    /// - Parameter isForced: whether files are read that seem not to have changed.
    /// - Returns: whether there is a listener that encrypts.
    @discardableResult
    public func reloadCertificates(isForced: Bool) -> Bool {
        let identities = identities.withLock { $0 }
        for identity in identities {
            let service: Logger.MetadataValue = "\(identity.service.rawValue)"
            switch identity.reload(isForced: isForced) {
            case .unchanged: break
            case .renewed: logger.notice("certificate reloaded", metadata: ["listener": service])
            case .refused(let cause):
                logger.error(
                    "certificate not reloaded; the one in use stays",
                    metadata: ["listener": service, "cause": "\(cause)"])
            }
        }
        return !identities.isEmpty
    }

    private func watchCertificates() {
        guard !settings.tls.isEmpty else { return }
        let interval = Duration.nanoseconds(settings.tlsReloadInterval.nanoseconds)
        let watch = Task { [weak self] in
            while (try? await Task.sleep(for: interval)) != nil { self?.reloadCertificates(isForced: false) }
        }
        certificateWatch.withLock { $0 = watch }
    }

    /// Ends everything that is left. Stopping again changes nothing.
    public func stop() async {
        advance(to: .stopped)
        certificateWatch.withLock { $0?.cancel() }
        viabilityBeat.withLock { $0?.cancel() }
        await closeListeners()
        await tasks.end()
        observers.end()
        viability.bus.end()
        // An event loop that has ended does not answer: nobody may ask it any more.
        let states = loops.withLock { list in
            defer { list = [] }
            return list
        }
        for state in states {
            try? await state.eventLoop.submit { state.value.stop() }.get()
        }
        await storage?.close()
        try? await group.shutdownGracefully()
    }

    func closeListeners(_ isMeant: @Sendable (GatewaySettings.Service) -> Bool = { _ in true }) async {
        let open = listeners.withLock { list in
            let open = list.filter { isMeant($0.service) }
            list.removeAll { isMeant($0.service) }
            return open
        }
        for listener in open { await listener.close() }
    }

    func advance(to next: Phase) {
        guard currentPhase < next else { return }
        phase.store(next.rawValue, ordering: .releasing)
    }

    /// Visits a part of the sessions every now and then, so that each is looked at about every 16 seconds.
    private func scheduleSweeps() {
        let loop = group.next()
        loop.scheduleRepeatedTask(initialDelay: .milliseconds(250), delay: .milliseconds(250)) { [unowned self] _ in
            let step = sweepStep.add(1, ordering: .relaxed).newValue
            let now = Clock.now
            for (handle, topics) in directory.sweep(step: step, now: now, limits: sessionLimits) {
                for topic in topics { self.topics.reconcile(topic, handle) }
            }
            operations.expire(now: now)
            observers.count(-observers.traces.expire(now: now))
            if step.isMultiple(of: 1024) { gatekeeper.expire(now: Clock.wall) }
            watchMemory()
            shortenLogs()
            storage?.tick(now: now)
        }
    }

    /// Tells the changes of presence that have gathered.
    private func schedulePresence() {
        guard presence.isOn else { return }
        let delay = TimeAmount.nanoseconds(presence.interval.nanoseconds)
        group.next().scheduleRepeatedTask(initialDelay: delay, delay: delay) { [unowned self] _ in
            var wakes = WakeSet(loops: loopCount)
            presence.flush(now: Clock.now, wakes: &wakes)
            for (loop, ids) in wakes.byLoop.enumerated() where !ids.isEmpty { inboxes[loop].post(ids) }
        }
    }

    /// Runs `body` on an event loop. Once the loops have ended nothing happens any more.
    func onLoop(_ index: Int, _ body: @escaping @Sendable (LoopState) -> Void) {
        guard let state = loops.withLock({ $0.indices.contains(index) ? $0[index] : nil }) else { return }
        state.eventLoop.execute { body(state.value) }
    }

    // MARK: - Looking inside

    /// Collects a figure from every event loop.
    func collect<Figure: Sendable>(_ body: @escaping @Sendable (LoopState) -> Figure) async -> [Figure] {
        var figures: [Figure] = []
        for state in loops.withLock({ $0 }) {
            if let figure = try? await state.eventLoop.submit({ body(state.value) }).get() { figures.append(figure) }
        }
        return figures
    }

    /// Waits until every event loop has answered: one that does not is stuck.
    public func answers() async -> Bool { await collect { $0.index }.count == loopCount }

    /// A carried connection has begun.
    func connectionOpened(_ engine: ConnectionEngine, on loop: LoopState) {
        loop.counters[Int(engine.transport.rawValue)].connections += 1
        guard watched.contains(.connections) else { return }
        logger.info("connected", metadata: logMetadata(engine))
    }

    private func logMetadata(_ engine: ConnectionEngine) -> Logger.Metadata {
        [
            "transport": "\(engine.transport.name)", "client_id": "\(engine.clientName ?? "-")",
            "address": "\(engine.address?.ipAddress ?? "-")",
        ]
    }

    /// A carried connection has ended.
    func connectionClosed(_ engine: ConnectionEngine, on loop: LoopState) {
        let transport = engine.transport
        loop.counters[Int(transport.rawValue)].connections -= 1
        tellDeparture(of: engine)
        if watched.contains(.connections) { logger.info("disconnected", metadata: logMetadata(engine)) }
        admission.left(
            transport == .webSocket ? .webSocket : .eventStream, address: engine.isAddressCounted ? engine.address : nil
        )
    }
}

/// A number that several threads count up and down.
final class SharedCounter: Sendable {
    private let value = Atomic<Int>(0)

    /// - Returns: the new value.
    func increment() -> Int { value.add(1, ordering: .relaxed).newValue }

    func decrement() { value.subtract(1, ordering: .relaxed) }
}

/// How often connections were told that another transport delivers now.
final class SwitchCounters: Sendable {
    let better = Atomic<Int>(0)
    let worse = Atomic<Int>(0)

    func note(isBetter: Bool) {
        if isBetter { better.add(1, ordering: .relaxed) } else { worse.add(1, ordering: .relaxed) }
    }
}

/// A list that is filled once and then read without a lock.
private final class OnceList<Item: Sendable>: Sendable {
    private let storage = Mutex<[Item]?>(nil)
    // Written once by `fill`, before any event loop can read it: listeners open afterwards, and the hand-over through
    // the event loops' task queues orders the accesses.
    nonisolated(unsafe) private(set) var items: [Item] = []

    func fill(_ list: [Item]) {
        storage.withLock { storage in
            precondition(storage == nil, "Filled twice")
            storage = list
        }
        items = list
    }
}

/// Answers the requests that are on no hot path.
public protocol APIResponder: Sendable {
    func respond(to request: APIRequest) async -> APIResponse
}

/// The API of a gateway that has none: clients connect and messages are published, everything else is not there.
public struct NoAPI: APIResponder {
    public init() {}

    public func respond(to request: APIRequest) async -> APIResponse {
        .problem(Problem(404, "not_found", "no such path: \(request.head.uri.prefix { $0 != "?" })"))
    }
}
