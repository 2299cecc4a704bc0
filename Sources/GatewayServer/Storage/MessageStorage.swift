import GatewayCore
import GatewayStore
import Logging
import NIOPosix
import Synchronization

/// Stores messages: publishers of all threads put theirs into a queue, and one thread beside the event loops writes
/// whatever has gathered in one commit. When it is idle it commits at once, so a lone sender waits for nobody; under
/// load a batch gathers while the one before is committed.
///
/// A message is in the logs of its recipients before it is stored, and may reach them before: nothing that a client saw
/// is numbered again after a crash, because the logs then begin new epochs. Only the sender waits. If the commit fails,
/// the sender is refused and the message is taken out of the logs again; where it had not been delivered it never is.
///
/// Order of locks: whatever a caller holds, then the queue's.
final class MessageStorage: Sendable {
    private struct State {
        var queue: [PendingWrite] = []
        var queuedBytes = 0
        /// By life.
        var releases: [Int64: StoreRelease] = [:]
        /// A task for the writer's thread is under way.
        var isRunning = false
        var failure: StoreError?
        var nextProbe = Instant.zero
        var nextMaintenance = Instant.zero
        var figures = Figures()
    }

    /// What has been done so far.
    struct Figures: Sendable {
        var commits = 0
        var messages = 0
        var refused = 0
        var damaged = 0
        var setAside: String?
    }

    /// What the state of the storage is, for `/health/gateway`.
    struct Report: Sendable {
        let engine: String
        let failure: StoreError?
        let figures: Figures
        let queued: Int
        let size: Int
    }

    private let store: any MessageStore
    private let settings: GatewaySettings
    private let logger: Logger
    private let ledger: IdempotencyLedger
    private let thread = NIOThreadPool(numberOfThreads: 1)
    /// Reads beside the writer, one client after the other.
    private let reader = NIOThreadPool(numberOfThreads: 1)
    private let state = Mutex(State())
    private let isRefusing = Atomic<Bool>(false)
    private let nextLife = Atomic<Int64>(1)
    /// What earlier processes have left.
    let inheritance = Inheritance()
    /// Gives answers on an event loop.
    private let answer: @Sendable (_ loop: Int, [(AnswerLater, StoredAnswer)]) -> Void

    init(
        _ store: any MessageStore, settings: GatewaySettings, ledger: IdempotencyLedger, logger: Logger,
        answer: @escaping @Sendable (_ loop: Int, [(AnswerLater, StoredAnswer)]) -> Void
    ) {
        self.store = store
        self.settings = settings
        self.ledger = ledger
        self.logger = logger
        self.answer = answer
    }

    // MARK: - Start and stop

    /// Opens the store and takes over what an earlier process has left.
    func open() async throws {
        thread.start()
        reader.start()
        let contents: StoreContents
        do {
            contents = try await thread.runIfActive { [store] in try store.open(now: Clock.wall) }
        } catch {
            try? await thread.shutdownGracefully()
            try? await reader.shutdownGracefully()
            throw error
        }
        nextLife.store(contents.nextLife, ordering: .relaxed)
        inheritance.fill(contents)
        ledger.recall(contents.answers, now: Clock.now, wallClock: Clock.wall)
        if let place = contents.setAside {
            state.withLock { $0.figures.setAside = place }
            logger.error(
                "the storage file was damaged: it was set aside and a new one begun; what it held is not delivered",
                metadata: ["set_aside": "\(place)"])
        }
        logger.info(
            "storage is open",
            metadata: ["engine": "\(store.engineName)", "clients_with_messages": "\(contents.clients.count)"])
    }

    /// Writes what is left and closes the store.
    func close() async {
        // Before the store is closed: whoever still waits for it is told.
        try? await reader.shutdownGracefully()
        _ = try? await thread.runIfActive { [self] in
            drain()
            store.close()
        }
        try? await thread.shutdownGracefully()
    }

    // MARK: - Sessions

    /// A number for a session that begins.
    func newLife() -> Int64 { nextLife.wrappingAdd(1, ordering: .relaxed).oldValue }

    /// Reads what an earlier process has left for clients, beside the event loops and the writer, and lets `directory`
    /// begin their sessions with it.
    /// - Parameter done: called when that is done or has failed, on the reader's thread; `Inheritance.holds` then tells.
    func restore(_ clients: [ClientID], in directory: SessionDirectory, done: @escaping @Sendable () -> Void) {
        reader.submit { [self] state in
            if case .active = state {
                for client in clients where inheritance.holds(client) { restore(client, in: directory) }
            }
            done()
        }
    }

    private func restore(_ client: ClientID, in directory: SessionDirectory) {
        // A session of this process: it began before, with what there was.
        guard directory.find(client) == nil else { return }
        let stored: StoredSession
        let wall = Clock.wall
        do throws(StoreError) {
            stored = try store.load(client, now: wall)
        } catch {
            return failed(error)
        }
        let now = Clock.now
        let messages = stored.messages.map { $0.message(now: now, wallClock: wall) }
        guard directory.begin(client, with: messages, at: stored.messages.map(\.place), now: now) else { return }
        inheritance.passedOn(client)
        let waiting = Set(stored.messages.map(\.place.life))
        for life in stored.lives where !waiting.contains(life) {
            put(StoreRelease(life: life, before: .max, ends: true))
        }
        let damaged = messages.count { $0.holeReason != nil }
        guard damaged > 0 else { return }
        state.withLock { $0.figures.damaged += damaged }
        logger.error(
            "stored messages came back damaged: the client is told of a gap",
            metadata: ["client_id": "\(client)", "messages": "\(damaged)"])
    }

    /// Stored messages of a session that are done; they are deleted with one of the next commits.
    func release(_ handle: SessionHandle, _ range: Range<Int>, ends: Bool = false) {
        for release in StoreRelease.of(range, life: handle.life, inherited: handle.inherited, ends: ends) {
            put(release)
        }
    }

    private func put(_ release: StoreRelease) {
        state.withLock { state in
            guard var present = state.releases[release.life] else {
                state.releases[release.life] = release
                return
            }
            present.before = max(present.before, release.before)
            present.ends = present.ends || release.ends
            state.releases[release.life] = present
        }
    }

    // MARK: - Publishing

    /// Why a message that must be stored cannot be taken now.
    func refusal() -> Problem? {
        if isRefusing.load(ordering: .relaxed), let failure = state.withLock(\.failure) { return .notStored(failure) }
        guard state.withLock(\.queuedBytes) < settings.storage.queueBytes else { return .storageIsBusy }
        return nil
    }

    /// Puts a message into the queue. Its sender is answered on the sender's event loop.
    func submit(_ pending: PendingWrite) {
        let mustRun = state.withLock { state in
            state.queue.append(pending)
            state.queuedBytes += pending.cost
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if mustRun { run { $0.drain() } }
    }

    private func run(_ body: @escaping @Sendable (MessageStorage) -> Void) {
        thread.submit { [self] state in
            guard case .active = state else { return }
            body(self)
        }
    }

    // MARK: - The writer's thread

    /// Commits batch after batch until nothing is left.
    private func drain() {
        while true {
            let delay = settings.storage.batchDelay
            if delay.nanoseconds > 0, state.withLock({ $0.queue.count < settings.storage.batchSize }) {
                Clock.sleep(delay)
            }
            let batch = state.withLock { state -> (writes: [PendingWrite], releases: [StoreRelease])? in
                guard !state.queue.isEmpty || !state.releases.isEmpty && state.failure == nil else {
                    state.isRunning = false
                    return nil
                }
                let writes = Array(state.queue.prefix(settings.storage.batchSize))
                state.queue.removeFirst(writes.count)
                let releases = Array(state.releases.values.prefix(Self.releasesPerBatch))
                for release in releases { state.releases[release.life] = nil }
                return (writes, releases)
            }
            guard let batch else { return }
            commit(batch.writes, batch.releases)
        }
    }

    /// Lives whose messages are deleted in one commit.
    private static let releasesPerBatch = 256
    /// The same on a full disk, where a commit has little room.
    private static let releasesPerStep = 8

    private func commit(_ writes: [PendingWrite], _ releases: [StoreRelease]) {
        do throws(StoreError) {
            try store.commit(StoreBatch(writes: writes.map(\.write), releases: releases))
            let recovered = state.withLock { state in
                state.figures.commits += 1
                state.figures.messages += writes.count
                state.queuedBytes -= writes.reduce(0) { $0 + $1.cost }
                defer { state.failure = nil }
                return state.failure != nil
            }
            if recovered { works() }
            give(writes) { pending in (.success(pending.body), pending.remembered) }
        } catch {
            for release in releases { put(release) }
            failed(error)
            // What waits behind would fail alike, each after waiting for the disk.
            let rest = state.withLock { state in
                defer { state.queue = [] }
                return state.queue
            }
            let all = writes + rest
            state.withLock { state in
                state.figures.refused += all.count
                state.queuedBytes -= all.reduce(0) { $0 + $1.cost }
            }
            for pending in all {
                for (handle, delivery) in zip(pending.sessions, pending.write.deliveries) {
                    handle.session.withLock { $0.withdraw(delivery.place.sequence) }
                }
            }
            give(all) { _ in (.failure(.notStored(error)), nil) }
        }
    }

    /// Answers the senders, with one task for each event loop.
    private func give(
        _ list: [PendingWrite], _ result: (PendingWrite) -> (StoredAnswer, IdempotencyLedger.Answer?)
    ) {
        var byLoop: [Int: [(AnswerLater, StoredAnswer)]] = [:]
        for pending in list {
            let (answer, remembered) = result(pending)
            byLoop[pending.later.loop, default: []].append((pending.later, answer))
            guard let id = pending.id else { continue }
            for waiter in ledger.settle(sender: pending.sender, id: id, remembered) {
                byLoop[waiter.loop, default: []].append((waiter, answer))
            }
        }
        for (loop, answers) in byLoop { self.answer(loop, answers) }
    }

    private func failed(_ error: StoreError) {
        let isNews = state.withLock { state in
            defer {
                state.failure = error
                state.nextProbe = Clock.now + settings.storage.retryInterval
            }
            return state.failure?.kind != error.kind
        }
        isRefusing.store(true, ordering: .relaxed)
        guard isNews else { return }
        logger.error(
            "storage fails: durable messages are refused until it works again; all others go on",
            metadata: ["reason": "\(error.reason)", "detail": "\(error.detail)"])
    }

    private func works() {
        isRefusing.store(false, ordering: .relaxed)
        logger.notice("storage works again")
    }

    // MARK: - Housekeeping

    /// Comes by several times a second.
    func tick(now: Instant) {
        enum Work { case none, drain, probe, maintain }
        let work = state.withLock { state -> Work in
            guard !state.isRunning else { return .none }
            var work = Work.none
            if state.failure != nil {
                if now >= state.nextProbe { work = .probe }
            } else if !state.releases.isEmpty {
                work = .drain
            } else if now >= state.nextMaintenance {
                state.nextMaintenance = now + settings.storage.maintenanceInterval
                work = .maintain
            }
            if case .none = work { return work }
            state.isRunning = true
            return work
        }
        switch work {
        case .none: break
        case .drain: run { $0.drain() }
        case .probe: run { $0.probe() }
        case .maintain: run { $0.maintain() }
        }
    }

    private func probe() {
        // A full disk: what is done makes room.
        if state.withLock({ $0.failure?.kind == .full }) { deleteDone() }
        do throws(StoreError) {
            try store.probe()
            state.withLock { $0.failure = nil }
            works()
        } catch {
            failed(error)
        }
        drain()
    }

    /// Deletes what is done, in small steps, as long as that works.
    private func deleteDone() {
        var failures = 0
        // The first failure may have let the store give up what it had in reserve.
        while failures < 2 {
            let releases = state.withLock { state in
                let some = Array(state.releases.values.prefix(Self.releasesPerStep))
                for release in some { state.releases[release.life] = nil }
                return some
            }
            guard !releases.isEmpty else { return }
            guard (try? store.commit(StoreBatch(releases: releases))) != nil else {
                for release in releases { put(release) }
                failures += 1
                continue
            }
        }
    }

    private func maintain() {
        do throws(StoreError) {
            while try store.maintain(now: Clock.wall), state.withLock({ $0.queue.isEmpty }) {}
        } catch {
            // Nobody waits for it; publishes find out by themselves whether they can be stored.
            logger.warning("storage housekeeping failed", metadata: ["detail": "\(error.detail)"])
        }
        drain()
    }

    var report: Report {
        let (failure, figures, queued) = state.withLock { ($0.failure, $0.figures, $0.queue.count) }
        return Report(
            engine: store.engineName, failure: failure, figures: figures, queued: queued, size: store.size)
    }
}

extension Problem {
    static func notStored(_ error: StoreError) -> Problem {
        Problem(
            503, "insufficient_resources", "the message cannot be stored: \(error.reason) (storage.path)",
            retryAfter: 5)
    }

    static let storageIsBusy = Problem(
        503, "overloaded", "too much waits to be stored (storage.queue_bytes)", retryAfter: 1)

    static func notRestored(_ client: ClientID) -> Problem {
        Problem(
            503, "insufficient_resources",
            "what is stored for client \(client.text) cannot be read; /health/gateway says why", retryAfter: 5)
    }
}
