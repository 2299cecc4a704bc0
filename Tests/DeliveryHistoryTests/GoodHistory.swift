@testable import DeliveryHistory

/// The history of a gateway that keeps its promises: clients that come and go, some gaps, a crash now and then.
struct GoodHistory {
    private struct Log {
        var epoch: String
        var messages: [String] = []
        /// What a durable store has and the client has not had.
        var delivered = 0
        var connection: String?
        var told = Set<Int>()
    }

    private(set) var events: [HistoryEvent] = []
    private var random: SeededGenerator
    private var logs: [String: Log] = [:]
    private var names = 0
    private let tellsGaps: Bool

    init(seed: Int, steps: Int = 120, tellsGaps: Bool = true) {
        self.tellsGaps = tellsGaps
        random = SeededGenerator(seed)
        for name in ["a", "b", "c"] { logs[name] = Log(epoch: fresh("e")) }
        for _ in 0..<steps { step() }
        for name in logs.keys.sorted() {
            connect(name)
            deliver(name, all: true)
            add(.settled(client: name))
        }
    }

    private mutating func fresh(_ prefix: String) -> String {
        names += 1
        return "\(prefix)\(names)"
    }

    private mutating func add(_ kind: HistoryEvent.Kind) {
        events.append(HistoryEvent(kind, place: HistoryEvent.Place(file: "good", line: events.count + 1)))
    }

    private mutating func step() {
        let name = ["a", "b", "c"][random.below(3)]
        switch random.below(20) {
        case ..<7: publish(name)
        case ..<9: connect(name)
        case ..<16: deliver(name, all: false)
        case ..<17: disconnect(name)
        case ..<18: acknowledge(name)
        case ..<19: if tellsGaps { tellGap(name) }
        default: if random.oneIn(3) { crash() }
        }
    }

    private mutating func publish(_ name: String) {
        let id = fresh("m")
        let answer: HistoryEvent.Answer = random.oneIn(8) ? (random.oneIn(2) ? .refused : .none) : .accepted
        if answer == .accepted || answer == .none && random.oneIn(2) { logs[name]!.messages.append(id) }
        add(.publish(publisher: "p\(random.below(2))", client: name, id: id, isDurable: true, answer))
    }

    private mutating func connect(_ name: String) {
        guard logs[name]!.connection == nil else { return }
        let connection = fresh("c")
        let log = logs[name]!
        let resume = log.delivered > 0 ? HistoryEvent.Position(epoch: log.epoch, sequence: log.delivered - 1) : nil
        logs[name]!.connection = connection
        add(.connect(client: name, connection: connection, epoch: log.epoch, resume: resume, recovered: resume != nil))
    }

    private mutating func deliver(_ name: String, all: Bool) {
        guard let connection = logs[name]!.connection else { return }
        var left = all ? Int.max : random.below(5)
        while left > 0, logs[name]!.delivered < logs[name]!.messages.count {
            let log = logs[name]!
            if !log.told.contains(log.delivered) {
                let position = HistoryEvent.Position(epoch: log.epoch, sequence: log.delivered)
                add(.deliver(client: name, connection: connection, position, id: log.messages[log.delivered]))
            }
            logs[name]!.delivered += 1
            left -= 1
        }
    }

    private mutating func disconnect(_ name: String) {
        guard let connection = logs[name]!.connection else { return }
        logs[name]!.connection = nil
        add(.disconnect(client: name, connection: connection))
    }

    private mutating func acknowledge(_ name: String) {
        let log = logs[name]!
        guard log.delivered > 0, !log.told.contains(log.delivered - 1) else { return }
        add(.acknowledge(client: name, HistoryEvent.Position(epoch: log.epoch, sequence: log.delivered - 1)))
    }

    private mutating func tellGap(_ name: String) {
        let log = logs[name]!
        guard let connection = log.connection, log.delivered < log.messages.count, !log.told.contains(log.delivered)
        else { return }
        logs[name]!.told.insert(log.delivered)
        add(.gap(client: name, connection: connection, epoch: log.epoch, range: log.delivered...log.delivered))
    }

    private mutating func crash() {
        add(.crash)
        for name in logs.keys.sorted() {
            let log = logs[name]!
            // What has not come stays; of the rest, the newest may come again.
            let kept = max(0, log.delivered - random.below(3))
            let rest = log.messages.indices.filter { $0 >= kept && !log.told.contains($0) }.map { log.messages[$0] }
            logs[name] = Log(epoch: fresh("e"), messages: rest)
        }
    }
}
