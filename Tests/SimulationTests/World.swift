import DeliveryHistory
import GatewayCore
import GatewayStore
import NIOCore
import TestSupport

/// A gateway's core with its store, its publishers and its clients, in virtual time: what happens next is drawn from a
/// seed. What publishers and clients see is written down as a history, and the history is judged.
struct World {
    /// The session of one client, as the gateway has it.
    struct Served {
        var session: Session
        let life: Int64
        let inherited: [StorePlace]
    }

    /// A message that has its place in a log and waits to be stored.
    struct Pending {
        let write: StoreWrite
        let device: Int
        let life: Int64
        let sequence: Int
        let publisher: Int
        let id: String
    }

    enum Remembered {
        case storing
        case answered
    }

    struct NumberedMessage: Sendable {
        let publisher: Int
        let id: String
    }

    let seed: Int
    /// Whether everything is printed while it happens.
    var isTracing = false
    let fault: Fault?
    var random: SeededGenerator
    /// Draws when the fault strikes, so that a broken world goes the same way until then.
    var faultRandom: SeededGenerator
    var strikes = 0
    var limits = SessionLimits()
    var sequencerLimits = SequencerLimits()
    var now = Instant.zero + .seconds(1000)

    // The gateway's process; a crash ends it.
    var sessions: [String: Served] = [:]
    var wakes = WakeSet(loops: 1)
    var leftovers: Set<UInt64> = []
    var nextLife: Int64 = 1
    var queue: [Pending] = []
    var releases: [Int64: StoreRelease] = [:]
    var answers: [String: Remembered] = [:]
    var sequencers: [String: MessageSequencer<NumberedMessage, Bool>] = [:]
    var isRefusing = false

    // What outlives it.
    let store = MemoryStore()
    var isStoreBroken = false

    var devices: [Device]
    var publishers: [Publisher]
    var wires: [Wire] = []
    var history: [HistoryEvent] = []
    var names = 0
    var crashes = 0
    var lastEpochs: [String: Epoch] = [:]

    init(seed: Int, fault: Fault? = nil) {
        self.seed = seed
        self.fault = fault
        random = SeededGenerator(seed)
        faultRandom = SeededGenerator(seed &+ 0xFA17)
        devices = []
        publishers = []
        for number in 0..<(2 + random.below(3)) {
            let acknowledges = random.oneIn(2)
            devices.append(
                Device(
                    name: "device-\(number)", acknowledges: acknowledges,
                    isForgetful: acknowledges && random.oneIn(2)))
        }
        for number in 0..<(2 + random.below(3)) {
            publishers.append(Publisher(name: "publisher-\(number)", numbers: number > 0 && random.oneIn(2)))
        }
        limits.logMessages = random.pick([5, 20, 200])
        limits.logBytes = random.pick([2000, 1 << 20])
        limits.offlineMessages = limits.logMessages + random.pick([0, 4, 500])
        limits.offlineBytes = limits.logBytes + random.pick([0, 1 << 20])
        limits.maxUnsentBytes = random.pick([1500, 1 << 20])
        limits.backpressure.halfRatePending = random.pick([3, 50])
        limits.backpressure.criticalPending = limits.backpressure.halfRatePending + random.pick([3, 50])
        // Nothing grows too old here but by its own `ttl`: the history could not tell why it is missing.
        limits.offlineAge = .seconds(1_000_000)
        open()
    }

    /// Lives through `steps` events and then comes to rest.
    mutating func run(steps: Int = 160) -> Verdict {
        for _ in 0..<steps { act() }
        rest()
        return HistoryChecker.check(history)
    }

    mutating func record(_ kind: HistoryEvent.Kind) {
        history.append(HistoryEvent(kind, place: .init(file: "seed \(seed)", line: history.count + 1)))
        if isTracing { print(history.count, kind) }
    }

    /// Says what the gateway does, between the events that its clients see.
    func note(_ text: @autoclosure () -> String) {
        if isTracing { print("   ", text()) }
    }

    mutating func fresh(_ prefix: String) -> String {
        names += 1
        return "\(prefix)\(names)"
    }

    mutating func strikes(_ fault: Fault) -> Bool {
        guard self.fault == fault, faultRandom.oneIn(3) else { return false }
        strikes += 1
        return true
    }

    var wallClock: Timestamp { Timestamp(milliseconds: now.nanoseconds / 1_000_000) }

    // MARK: - The scheduler

    private mutating func act() {
        switch random.below(100) {
        case ..<22: publish(random.below(publishers.count))
        case ..<30: arrive()
        case ..<46: if let index = anyWire(where: \.mustTake) { take(index) }
        case ..<58: if let index = anyWire(where: { $0.pipe.count > $0.inKernel }) { kernelTakes(index) }
        case ..<70: if let index = anyWire(where: { $0.inKernel > 0 }) { read(index, atMost: 1 + random.below(4)) }
        case ..<77: connect(random.below(devices.count))
        case ..<81: if let index = anyWire(where: { _ in true }) { cut(index) }
        case ..<85: acknowledge(random.below(devices.count))
        case ..<90: commit()
        case ..<93: pass(random.pick([.milliseconds(3), .seconds(1), .seconds(4), .seconds(70)]))
        case ..<95: sweep()
        case ..<96: devices[random.below(devices.count)].isStalled.toggle()
        case ..<97: breakStore(!isStoreBroken)
        case ..<98: hurry()
        default: if random.oneIn(2) { crash() }
        }
    }

    func anyIndex<Item>(_ items: [Item], _ random: inout SeededGenerator, where isFit: (Item) -> Bool) -> Int? {
        let fit = items.indices.filter { isFit(items[$0]) }
        return fit.isEmpty ? nil : random.pick(fit)
    }

    private mutating func anyWire(where isFit: (Wire) -> Bool) -> Int? { anyIndex(wires, &random, where: isFit) }

    private mutating func pass(_ span: Instant.Span) {
        now = now + span
        for index in wires.indices where wires[index].heldUntil.map({ $0 <= now }) ?? false {
            wires[index].mustTake = true
        }
        expireNumbers()
    }

    private mutating func hurry() {
        for name in sessions.keys.sorted() { sessions[name]?.session.hurryHandover(now: now, wakes: &wakes) }
        collectWakes()
    }

    /// Everything works, everything is answered, everyone comes back and reads what waits.
    private mutating func rest() {
        breakStore(false)
        settlePublishers()
        for index in devices.indices { devices[index].isStalled = false }
        while !wires.isEmpty { cut(0) }
        for index in devices.indices {
            // Twice: the first connection may have to be closed because too much waits for it.
            for _ in 0..<20 where !drain(index) {}
            record(.settled(client: devices[index].name))
        }
    }

    private mutating func settlePublishers() {
        for _ in 0..<400 {
            commit()
            guard publishers.contains(where: { $0.open > 0 || !$0.again.isEmpty }) else { return }
            for index in publishers.indices where !publishers[index].again.isEmpty { publish(index) }
            for index in publishers.indices {
                for place in publishers[index].sent.indices where !publishers[index].sent[place].isUnderWay {
                    let message = publishers[index].sent[place]
                    publishers[index].sent[place].isUnderWay = !message.hasArrived && message.answer == nil
                }
            }
            for _ in 0..<8 { arrive() }
        }
    }

    /// The device connects and reads and acknowledges until nothing waits.
    /// - Returns: whether it got to the end.
    private mutating func drain(_ device: Int) -> Bool {
        if !wires.contains(where: { $0.device == device }) { connect(device, calmly: true) }
        for _ in 0..<2000 {
            guard let index = wires.firstIndex(where: { $0.device == device }) else { return false }
            if !wires[index].pipe.isEmpty {
                kernelTakes(index, everything: true)
                read(index, atMost: .max)
                acknowledge(device)
            } else if wires[index].mustTake {
                take(index)
            } else if let until = wires[index].heldUntil {
                acknowledge(device)
                if until < .distantFuture, until > now { pass(until - now) } else { wires[index].mustTake = true }
            } else {
                return true
            }
        }
        return false
    }
}
