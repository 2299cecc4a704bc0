import Testing

@testable import GatewayCore

/// One client's life, drawn from a seed: publishers, connections of both kinds that come and break, a kernel that takes
/// some of what was written, acknowledgements, time. What the client receives is compared with what it is owed.
struct Simulation {
    /// What a finding is about.
    enum Rule: CaseIterable, Sendable {
        /// Order, holes and repeats at the client.
        case delivery
        /// Durable messages of an absent client.
        case durable
        /// An offline queue refuses only when it is full.
        case room
        /// A connection that has something to take will take it.
        case wake
        /// The session's own bookkeeping.
        case state
    }

    struct Finding {
        let rule: Rule
        let text: String
    }

    /// What happened, and the first thing that was wrong with it.
    final class Journal {
        var events: [String] = []
        var finding: Finding?
    }

    let seed: Int
    let rules: Set<Rule>
    let isTracing: Bool
    let journal = Journal()
    var random: SeededGenerator
    var subject: Subject
    var limits: SessionLimits
    var now = Instant.zero + .seconds(1000)
    var wakes = WakeSet(loops: 1)
    var ledger = Ledger()
    var readers: [Reader] = []
    var slots = 0
    var epochs: [Epoch]
    /// The last id that the client remembers; it survives the session.
    var lastID: EventID?
    /// Last sequences of connections that have gone, in the present epoch.
    var earlierPlaces: [Int] = []
    /// How far connections of the active transport got that have gone since it became active.
    var progressOfGone: [Int] = []
    var hadConnections = false
    /// Since when the client is one that acknowledges, so that nothing else makes a message done.
    var acknowledgesSince: Instant?
    var missedMessages = false
    /// The connection that made its transport take over by resuming, and what it knew then.
    var resumer: (id: ConnectionID, start: Int, isAutomatic: Bool)?
    /// From the last look: roles, and values that only grow.
    var roles: [ConnectionID: Cursor.Role] = [:]
    var lastActive: Transport?
    /// Counts the switches of transports; and at which of them each became active.
    var era = 0
    var eraBegan: [Transport: Int] = [:]
    var lastOldest = 0
    var lastDelivered = 0

    init(seed: Int, fault: Subject.Fault? = nil, rules: Set<Rule> = Set(Rule.allCases), isTracing: Bool = false) {
        self.seed = seed
        self.rules = rules
        self.isTracing = isTracing
        random = SeededGenerator(seed)
        epochs = [Epoch(random.next())]
        subject = Subject(epoch: epochs[0], now: now, fault: fault, seed: seed)
        limits = SessionLimits()
        limits.logMessages = random.pick([3, 5, 8, 20])
        limits.logBytes = random.pick([1500, 4000, 1 << 20])
        limits.offlineMessages = limits.logMessages + random.below(4)
        limits.offlineBytes = limits.logBytes + random.pick([0, 2000])
        limits.backpressure.halfRatePending = random.pick([1, 3, 50])
        limits.backpressure.criticalPending = limits.backpressure.halfRatePending + random.pick([1, 3, 50])
        limits.maxUnsentBytes = random.pick([800, 3000, 1 << 20])
    }

    var session: Session { subject.session }
    var finding: Finding? { journal.finding }

    /// Lives through `steps` events and then comes to rest.
    /// - Returns: the first thing that was not as promised.
    mutating func run(steps: Int = 60) -> Finding? {
        var step = 0
        while step < steps, finding == nil {
            act()
            look()
            step += 1
        }
        if finding == nil { rest() }
        return finding
    }

    /// Runs `seed` and describes what went wrong.
    static func complaint(seed: Int, fault: Subject.Fault? = nil, rules: Set<Rule>) -> String? {
        var simulation = Simulation(seed: seed, fault: fault, rules: rules)
        guard simulation.run() != nil else { return nil }
        var again = Simulation(seed: seed, fault: fault, rules: rules, isTracing: true)
        let finding = again.run()
        let events = again.journal.events.suffix(60).joined(separator: "\n")
        return
            "seed \(seed), \(finding.map { "\($0.rule): \($0.text)" } ?? "not found again")\n\(again.limits)\n\(events)"
    }

    func report(_ rule: Rule, _ text: @autoclosure () -> String) {
        guard finding == nil, rules.contains(rule) else { return }
        journal.finding = Finding(rule: rule, text: text())
    }

    func note(_ text: @autoclosure () -> String) {
        if isTracing { journal.events.append(text()) }
    }
}
