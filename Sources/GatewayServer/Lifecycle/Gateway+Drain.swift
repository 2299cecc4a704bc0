public import GatewayCore
import Logging
import NIOCore
import Synchronization

/// How a gateway takes leave of its clients.
public struct DrainSettings: Sendable, Equatable {
    /// How long it says that it is not ready before anything else changes, so that a balancer sends nobody any more.
    public var delay = Instant.Span.milliseconds(0)
    /// How long everything behind that may take.
    public var timeout = Instant.Span.seconds(8)
    /// Clients that are to come back, here or elsewhere, each second.
    public var rate = 500.0
    /// What each client waits at least before it comes back.
    public var reconnectDelay = Instant.Span.seconds(1)

    public init() {}
}

/// Where a drain stands.
public struct DrainProgress: Sendable, Equatable {
    public enum Stage: String, Sendable {
        /// Not ready, and everything else as always.
        case delay
        /// Clients are told to go, one after the other.
        case clients
        /// Calls that are under way are waited for.
        case calls
        /// The last connections close.
        case closing
    }

    public internal(set) var stage = Stage.delay
    /// Connections that are still open.
    public internal(set) var connections = 0
    /// MCP requests that are not answered yet.
    public internal(set) var calls = 0
}

extension Gateway {
    /// Takes leave: not ready, then paced goodbyes, then calls that are under way, then the rest.
    ///
    /// Streams are refused from the first goodbye on. The API goes on until the calls are done, so that whoever publishes
    /// to clients that are still here can do that, and whoever asks is told how far it is.
    /// - Parameter how: the settings in use, unless told.
    public func drain(_ how: DrainSettings? = nil) async {
        let how = how ?? drainSettings.withLock { $0 }
        guard currentPhase < .leaving else { return }
        advance(to: .leaving)
        logger.notice(
            "draining",
            metadata: [
                "connections": "\(admission.openConnections)", "delay_ms": "\(how.delay.milliseconds)",
                "timeout_ms": "\(how.timeout.milliseconds)",
            ])
        let reporting = Task { [weak self] in
            while (try? await Task.sleep(for: .seconds(1))) != nil { self?.logDrain() }
        }
        defer { reporting.cancel() }
        noteDrain(.delay, calls: 0)
        if how.delay.nanoseconds > 0 { try? await Task.sleep(for: .nanoseconds(how.delay.nanoseconds)) }
        // Whoever comes too late comes back at the pace of those who are told to go.
        admission.returns(at: how.rate)
        advance(to: .draining)
        let end = Clock.now + how.timeout
        // Where a successor takes over the sockets, whoever comes from now on waits for it in the kernel's queue.
        await closeListeners { [settings] in $0 != .http || settings.inheritedSockets[$0] != nil }

        noteDrain(.clients, calls: await openCalls())
        await sayGoodbyes(how, until: end) { $0.farewells() }
        noteDrain(.calls, calls: await openCalls())
        await wait(until: end) {
            let calls = await self.openCalls()
            self.noteDrain(.calls, calls: calls)
            return calls == 0
        }
        noteDrain(.closing, calls: await openCalls())
        await sayGoodbyes(how, until: end) { $0.lastFarewells() }
        await closeListeners()
        await wait(until: end) { self.admission.openConnections == 0 }
        logger.notice("drained", metadata: ["connections_cut": "\(admission.openConnections)"])
    }

    /// Takes leave without a delay.
    /// - Parameter deadline: how long it may take.
    public func drain(deadline: Instant.Span) async {
        var how = drainSettings.withLock { $0 }
        how.delay = Instant.Span(nanoseconds: 0)
        how.timeout = deadline
        await drain(how)
    }

    /// Where the drain stands; `nil` if there is none.
    public var drainProgress: DrainProgress? {
        currentPhase > .serving
            ? drainState.withLock { state in
                state.connections = admission.openConnections
                return state
            } : nil
    }

    private func noteDrain(_ stage: DrainProgress.Stage, calls: Int) {
        drainState.withLock { state in
            state.stage = stage
            state.calls = calls
        }
    }

    private func logDrain() {
        guard let progress = drainProgress else { return }
        logger.notice(
            "draining",
            metadata: [
                "stage": "\(progress.stage.rawValue)", "connections": "\(progress.connections)",
                "calls": "\(progress.calls)",
            ])
    }

    private func openCalls() async -> Int { await collect { $0.openCalls }.reduce(0, +) }

    /// Says one round of goodbyes, at one pace on all event loops.
    private func sayGoodbyes(
        _ how: DrainSettings, until end: Instant, _ gather: @escaping @Sendable (LoopState) -> [LoopState.Farewell]
    ) async {
        // What is gathered stays on its event loop; only how much it is goes from one to the other.
        let counts = await collect { state in
            state.begin()
            return state.gather(gather(state))
        }
        // Behind the last goodbye its client still has to answer it.
        let left = max(0, (end - Clock.now).nanoseconds)
        let answer = min(settings.closeTimeout.nanoseconds, left / 4)
        let schedule = DrainSchedule(
            count: counts.reduce(0, +), rate: how.rate, window: Instant.Span(nanoseconds: left - answer),
            minimumWait: how.reconnectDelay)
        if schedule.spread > schedule.duration {
            logger.notice(
                "drain: there is less time than drain.rate asks for; clients are told to come back later",
                metadata: [
                    "clients": "\(schedule.count)", "goodbyes_ms": "\(schedule.duration.milliseconds)",
                    "returns_ms": "\(schedule.spread.milliseconds)",
                ])
        }
        let begin = Clock.now
        let loops = Double(max(1, counts.count))
        _ = await collect { $0.pace(schedule, begunAt: begin, offset: (Double($0.index) + 0.5) / loops) }
        await wait(until: end) { await self.collect { $0.farewellsLeft }.reduce(0, +) == 0 }
        // Whoever has not been told by now is told at once.
        _ = await collect { $0.hurry() }
    }

    private func wait(until end: Instant, for isDone: () async -> Bool) async {
        while !(await isDone()), Clock.now < end, !Task.isCancelled { try? await Task.sleep(for: .milliseconds(10)) }
    }
}

/// The goodbyes of one event loop.
extension LoopState {
    /// Somebody who is to be told that the gateway goes.
    enum Farewell {
        case member(ConnectionID)
        /// A stream of the endpoint; it is told how long to wait.
        case stream((Instant.Span) -> Void)
    }

    /// Clients that nothing is owed, and streams that only wait for news.
    func farewells() -> [Farewell] {
        var list: [Farewell] = []
        forEachMember { if $0.leavesFirst { list.append(.member($0.id)) } }
        for stream in drainEndpoints() { list.append(.stream(stream)) }
        return list
    }

    /// Everybody else.
    func lastFarewells() -> [Farewell] {
        var list: [Farewell] = []
        for stream in endEndpoints() { list.append(.stream(stream)) }
        forEachMember { list.append(.member($0.id)) }
        return list
    }

    /// Keeps who is to be told until the pace is known.
    func gather(_ list: [Farewell]) -> Int {
        gathered = list
        return list.count
    }

    func pace(_ schedule: DrainSchedule, begunAt: Instant, offset: Double) {
        goodbyes = PacedGoodbyes(gathered, schedule, begunAt: begunAt, offset: offset)
        gathered = []
        sayGoodbyes()
    }

    var farewellsLeft: Int { goodbyes?.left ?? 0 }

    /// Tells everybody who is left.
    func hurry() {
        begin()
        while let (client, wait) = goodbyes?.take(now: .distantFuture) { tell(client, wait) }
        goodbyes = nil
        dispatchWakes(except: nil)
    }

    /// Tells those whose time has come, and comes back for the next one.
    private func sayGoodbyes() {
        begin()
        while let (client, wait) = goodbyes?.take(now: now) { tell(client, wait) }
        dispatchWakes(except: nil)
        guard let next = goodbyes?.nextAt else { return }
        let wait = max(1_000_000, (next - Clock.now).nanoseconds)
        eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(wait)) { [weak self] in self?.sayGoodbyes() }
    }

    private func tell(_ client: Farewell, _ wait: Instant.Span) {
        reconnectAfter = wait
        switch client {
        case .member(let id): member(id)?.drain()
        case .stream(let end): end(wait)
        }
    }
}
