import GatewayCore
import GatewayViability
import NIOCore
import PhoenixProtocol

/// Something that lives on one event loop and can be woken there: a connection, or a connection to be.
class LoopMember {
    /// `unowned(unsafe)`: the gateway keeps its loops until its event loops have stopped, and members live on those; a
    /// checked reference would cost two atomic operations for each use, many times a message.
    unowned(unsafe) let loop: LoopState
    /// The address in the loop's table; set when it enters.
    fileprivate(set) var id = ConnectionID(loop: 0, slot: 0, generation: 0)
    fileprivate var nextVisit = Instant.distantFuture

    init(loop: LoopState) { self.loop = loop }

    /// There is something to take from the session.
    func wake() {}

    /// It was held back for what its transport has sent, and has its turn now.
    func goOn() {}

    /// Its time has come.
    /// - Returns: when to come again; `nil` for never.
    func visit() -> Instant? { nil }

    /// Whether it is a client that nothing is owed: then it is told of a shutdown while calls of others are waited for.
    var leavesFirst: Bool { false }

    /// The blocklist has changed: whoever is on it goes.
    func checkAccess() {}

    /// The gateway shuts down: say goodbye and close.
    func drain() {}

    /// An administrator closes it.
    func dismiss(_ reason: String) {}

    /// Others need its place: it ends, and is told when to come back.
    func giveWay(_ reason: String) {}

    /// What it carries, if it carries a stream or a socket.
    var connection: ConnectionEngine? { nil }

    /// Whether it has a connection of the network to itself.
    var hasChannel: Bool { false }

    /// Who is at the other end.
    var peer: SocketAddress? { nil }

    /// Bytes that wait for the kernel.
    var heldBytes: Int { 0 }

    /// Tokens have been revoked: close if the peer's is among them.
    func checkRevocation() {}

    /// Somebody has shown a fresh token: good for the peer, if that is the same person.
    func refresh(_ principal: Principal) {}

    /// A message that the peer sent is stored, or cannot be. The answer is kept until `sendAnswers`.
    func answered(_ address: ReplyAddress, _ answer: StoredAnswer) {}

    /// All answers of the present event are there.
    func sendAnswers() {}
}

/// What one event loop owns. Touched on that loop only, so that nothing in here needs a lock.
///
/// The scratch that every message goes through is `@exclusivity(unchecked)`: each property is used by one function at a
/// time, none of them is handed to code that could come back to it, and the run-time check would cost more than the use.
final class LoopState {
    let index: Int
    let eventLoop: any EventLoop
    /// `unowned(unsafe)`: the gateway outlives its loops.
    unowned(unsafe) let gateway: Gateway
    /// Clock readings of the present event, ids, and the wakes that it has caused.
    @exclusivity(unchecked) var context: PublishContext
    /// What the present event writes to its connection.
    @exclusivity(unchecked) var outbound = Outbound()
    /// Where bytes arrive that are dealt with at once.
    let received = SharedReceiveBuffer()
    /// Answers on their way to their sockets.
    let answers: TurnOutput
    /// Text of frames in the making.
    @exclusivity(unchecked) var text: [UInt8] = []
    /// Scratch space for what `text` becomes when it is compressed.
    @exclusivity(unchecked) var deflated: [UInt8] = []
    /// A binary push in the form of a text frame.
    @exclusivity(unchecked) var texts: [UInt8] = []
    /// Text of a response that goes into a frame.
    @exclusivity(unchecked) var response: [UInt8] = []
    /// Messages in hand while a connection is drained.
    @exclusivity(unchecked) var batch: [Session.Delivery] = []
    /// Compression for all connections of this loop.
    let compression: SharedCompression
    /// Room for unmasking what a client sends.
    let unmasked: UnsafeMutableRawBufferPointer
    @exclusivity(unchecked) var counters = [TrafficCounters](
        repeating: TrafficCounters(), count: Transport.allCases.count)
    /// How connections ended.
    @exclusivity(unchecked) var closes = Closes()
    /// What clients sent, by transport.
    @exclusivity(unchecked) var variety = [VarietyTraffic](
        repeating: VarietyTraffic(), count: Transport.allCases.count)
    /// Connections that began in an odd way since S4 has asked.
    var anomalies: [Anomaly.Pattern: Anomaly.Sightings] = [:]
    /// The long-poll sessions that belong to this loop.
    @exclusivity(unchecked) var longPolls: [LongPollToken.Session: LongPollCarrier] = [:]
    /// The limits of the policy in which connections count, for those that count in any.
    var seats: [ConnectionID: [LimitAccount]] = [:]
    /// What may be sent from here.
    @exclusivity(unchecked) var egress = LoopEgress()
    /// How late the last turn of the wheel was.
    private(set) var lag = Instant.Span(nanoseconds: 0)
    /// How late all its turns were.
    private(set) var delays = LatencyHistogram()
    private var nextTurn = Instant.zero
    /// Who is to be told that the gateway goes, and at which pace.
    var gathered: [Farewell] = []
    var goodbyes: PacedGoodbyes<Farewell>?
    /// How long those who are told now are to wait before they come back.
    var reconnectAfter = Instant.Span.milliseconds(0)

    /// Answers requests on this event loop; set once, before the listeners open.
    private var endpoints: [(provider: any EndpointProvider, endpoint: any LoopEndpoint)] = []

    private var members: [LoopMember?] = []
    private var freeSlots: [Int] = []
    private var generations: [UInt16] = []
    private var wheel: TimingWheel
    private var due: [UInt64] = []
    private var localWakes: [ConnectionID] = []
    private var localWakesScheduled = false
    private var ticker: RepeatedTask?

    /// How exact timeouts are.
    static let tick = Instant.Span.milliseconds(250)
    /// Connections that are drained before the loop looks at its sockets again.
    private static let wakesPerTurn = 512

    init(index: Int, eventLoop: any EventLoop, gateway: Gateway) {
        self.index = index
        self.eventLoop = eventLoop
        self.gateway = gateway
        answers = TurnOutput(eventLoop: eventLoop)
        let now = Clock.now
        context = PublishContext(now: now, wallClock: Clock.wall, wakes: WakeSet(loops: gateway.loopCount))
        context.policy = gateway.policyGate.view
        wheel = TimingWheel(tick: Self.tick, buckets: 512, now: now)
        compression = SharedCompression(
            webSocketLevel: gateway.settings.compressionLevel,
            eventStreamLevel: gateway.settings.eventStreamCompressionLevel)
        unmasked = .allocate(byteCount: 65_536, alignment: 16)
        batch.reserveCapacity(256)
        if let first = gateway.firstEgress(on: index) { egress.grant(first.rates, burst: first.burst, now: now) }
    }

    deinit { unmasked.deallocate() }

    var now: Instant { context.now }

    /// Begins an event: reads the clocks.
    func begin() {
        context.now = Clock.now
        context.wallClock = Clock.wall
        context.traceParent = nil
    }

    // MARK: - Members

    func enter(_ member: LoopMember, visitAt: Instant) {
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
        } else {
            slot = members.count
            members.append(nil)
            generations.append(0)
        }
        members[slot] = member
        member.id = ConnectionID(loop: index, slot: slot, generation: UInt32(generations[slot]))
        schedule(member, at: visitAt)
    }

    /// Another member takes the place and the address of `member`.
    func replace(_ member: LoopMember, with successor: LoopMember, visitAt: Instant) {
        members[member.id.slot] = successor
        successor.id = member.id
        schedule(successor, at: visitAt)
    }

    func leave(_ member: LoopMember) {
        let slot = member.id.slot
        guard slot < members.count, members[slot] === member else { return }
        members[slot] = nil
        generations[slot] &+= 1
        freeSlots.append(slot)
    }

    /// Asks for a visit at `time`, if that is earlier than the one that is planned.
    func schedule(_ member: LoopMember, at time: Instant) {
        guard time < member.nextVisit else { return }
        member.nextVisit = time
        wheel.schedule(member.id.raw, at: time)
    }

    func member(_ id: ConnectionID) -> LoopMember? {
        guard id.slot < members.count, generations[id.slot] == UInt16(truncatingIfNeeded: id.generation) else {
            return nil
        }
        return members[id.slot]
    }

    /// Places for members, taken or not.
    var slotCount: Int { members.count }

    /// Who is at a place.
    func member(at slot: Int) -> LoopMember? { slot < members.count ? members[slot] : nil }

    func forEachMember(_ body: (LoopMember) -> Void) {
        for case let member? in members { body(member) }
    }

    // MARK: - Time

    /// Starts the timer of the wheel.
    func start() {
        let tick = TimeAmount.nanoseconds(Self.tick.nanoseconds)
        // The event loops take turns.
        let first = Stagger.first(Self.tick, number: index)
        nextTurn = Clock.now + first
        let state = NIOLoopBound(self, eventLoop: eventLoop)
        ticker = eventLoop.scheduleRepeatedTask(initialDelay: .nanoseconds(first.nanoseconds), delay: tick) { _ in
            state.value.turn()
        }
    }

    func stop() {
        ticker?.cancel()
        ticker = nil
        endEgress()
        for (_, endpoint) in endpoints { endpoint.stop() }
        endpoints = []
    }

    // MARK: - Endpoint

    /// Gives this event loop one more endpoint.
    func install(_ provider: any EndpointProvider) {
        endpoints.append((provider, provider.makeEndpoint(on: eventLoop, index: index, gateway: gateway)))
    }

    /// Who answers requests for `path` on this event loop, if anyone does.
    func endpoint(for path: String, on service: GatewaySettings.Service) -> (any LoopEndpoint)? {
        for (provider, endpoint) in endpoints where provider.serves(path: path, on: service) { return endpoint }
        return nil
    }

    /// Who exchanges messages with the WebSockets at `path` on this event loop, if anyone does, and their subprotocol.
    func messageEndpoint(
        for path: String, on service: GatewaySettings.Service
    ) -> (endpoint: any LoopEndpoint, subprotocol: String)? {
        for (provider, endpoint) in endpoints {
            if let name = provider.subprotocol(path: path, on: service) { return (endpoint, name) }
        }
        return nil
    }

    /// The gateway shuts down.
    /// - Returns: what ends each of the endpoints' streams that only wait for news.
    func drainEndpoints() -> [(Instant.Span) -> Void] { endpoints.flatMap { $0.endpoint.drain() } }

    /// Nobody waits for the endpoints' requests any longer.
    /// - Returns: what ends each of its other streams.
    func endEndpoints() -> [(Instant.Span) -> Void] {
        endpoints.flatMap { $0.endpoint.remainingStreams() }
    }

    /// The endpoints' requests that are not answered yet.
    var openCalls: Int { endpoints.reduce(0) { $0 + $1.endpoint.openRequests } }

    private func turn() {
        begin()
        // The first one is not expected at any time.
        if nextTurn > .zero {
            lag = max(Instant.Span(nanoseconds: 0), context.now - nextTurn)
            delays.add(lag)
        }
        nextTurn = context.now + Self.tick
        compression.forget()
        due.removeAll(keepingCapacity: true)
        wheel.advance(to: context.now, into: &due)
        for raw in due {
            guard let member = member(ConnectionID(raw: raw)), member.nextVisit <= context.now else { continue }
            member.nextVisit = .distantFuture
            if let next = member.visit() { schedule(member, at: max(next, context.now + Self.tick)) }
        }
        dispatchWakes(except: nil)
    }

    // MARK: - Wakes

    /// Sends out the wakes that the present event has caused.
    /// - Parameter current: the connection whose event it is.
    /// - Returns: whether that connection is among the woken; it is left to the caller.
    @discardableResult
    func dispatchWakes(except current: ConnectionID?) -> Bool {
        var isCurrentWoken = false
        for loop in 0..<context.wakes.byLoop.count where !context.wakes.byLoop[loop].isEmpty {
            if loop == index {
                for id in context.wakes.byLoop[loop] {
                    if id == current { isCurrentWoken = true } else { localWakes.append(id) }
                }
                if !localWakes.isEmpty { scheduleLocalWakes() }
            } else {
                gateway.inboxes[loop].post(context.wakes.byLoop[loop])
            }
            context.wakes.removeAll(loop: loop)
        }
        return isCurrentWoken
    }

    /// Answers that had to wait for the storage. Those of one connection leave together.
    func give(_ answers: [(AnswerLater, StoredAnswer)]) {
        begin()
        var members: [ObjectIdentifier: LoopMember] = [:]
        for (later, answer) in answers {
            switch later {
            case .request(let front, let headers, _): front.value.finishStored(answer, headers)
            case .numbered(let client, let number, _):
                guard case .failure(let problem) = answer else { continue }
                gateway.tell(client, problem, from: number, to: number, self)
            case .task(let pending, _): pending.resume(answer)
            case .push(let id, let address):
                guard let member = member(id) else { continue }
                member.answered(address, answer)
                members[ObjectIdentifier(member)] = member
            }
        }
        for member in members.values { member.sendAnswers() }
        dispatchWakes(except: nil)
    }

    /// Wakes that other threads have posted.
    func receiveWakes(_ ids: [ConnectionID]) {
        localWakes.append(contentsOf: ids)
        if !localWakesScheduled { runLocalWakes() }
    }

    private func scheduleLocalWakes() {
        guard !localWakesScheduled else { return }
        localWakesScheduled = true
        eventLoop.assumeIsolated().execute { [unowned self] in runLocalWakes() }
    }

    private func runLocalWakes() {
        localWakesScheduled = false
        begin()
        let count = min(localWakes.count, Self.wakesPerTurn)
        // The list may grow behind `count` while connections are drained; what is there now is taken first.
        for position in 0..<count {
            if position & 31 == 31 { begin() }
            member(localWakes[position])?.wake()
        }
        localWakes.removeFirst(count)
        dispatchWakes(except: nil)
        guard !localWakes.isEmpty, !localWakesScheduled else { return }
        // Not at once: tasks that tasks add run before the loop looks at its sockets.
        localWakesScheduled = true
        eventLoop.assumeIsolated().scheduleTask(in: .microseconds(20)) { [unowned self] in runLocalWakes() }
    }
}

extension ConnectionID {
    fileprivate init(raw: UInt64) {
        self.init(
            loop: Int(raw >> 48), slot: Int(UInt32(truncatingIfNeeded: raw)),
            generation: UInt32(truncatingIfNeeded: raw >> 32))
    }
}
