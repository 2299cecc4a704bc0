/// Checks what clients received against what contract §6 promises. Feed it events in order, then `finish`.
///
/// What it takes for explained: a range that a `gap` told, a start that was not `recovered`, a repeat in a new epoch behind
/// a crash, and a publish that was never answered.
public struct HistoryChecker {
    private typealias Position = HistoryEvent.Position

    private struct Connection {
        let epoch: String
        let resumed: Int?
        var last: Int?
    }

    private struct Arrival {
        let position: Position
        let crashes: Int
    }

    /// A jump within one connection's numbers: what lies between must have come elsewhere.
    private struct Jump {
        let epoch: String
        let range: Range<Int>
        let place: HistoryEvent.Place
    }

    private struct Client {
        var connections: [String: Connection] = [:]
        /// What stood at each place, and so what has come.
        var messages: [Position: (id: String, place: HistoryEvent.Place)] = [:]
        var arrivals: [String: Arrival] = [:]
        var told: [String: [ClosedRange<Int>]] = [:]
        var jumps: [Jump] = []
        var accepted: [(id: String, isDurable: Bool, place: HistoryEvent.Place)] = []
        var published: [String: HistoryEvent.Answer] = [:]
        var isSettled = false
    }

    private var clients: [String: Client] = [:]
    /// Ids that were accepted at the first try, by publisher and client, in the order in which they were sent.
    private var sent: [String: [String]] = [:]
    private var verdict = Verdict()
    private var knowsPublishes = false

    public init() {}

    /// Checks a whole history.
    public static func check(_ events: [HistoryEvent]) -> Verdict {
        var checker = HistoryChecker()
        for event in events { checker.observe(event) }
        return checker.finish()
    }

    public mutating func observe(_ event: HistoryEvent) {
        switch event.kind {
        case .publish(let publisher, let name, let id, let isDurable, let answer):
            published(id, by: publisher, to: name, isDurable: isDurable, answer, event.place)
        case .connect(let name, let connection, let epoch, let resume, let recovered):
            verdict.connections += 1
            if recovered, let resume, resume.epoch != epoch {
                report(.epoch, event, name, "resumed \(resume) in epoch \(epoch) and was told that nothing is missing")
            }
            clients[name, default: Client()].connections[connection] = Connection(
                epoch: epoch, resumed: recovered ? resume?.sequence : nil)
        case .deliver(let name, let connection, let position, let id):
            delivered(id, at: position, to: name, on: connection, event)
        case .gap(let name, _, let epoch, let range):
            verdict.gaps += 1
            clients[name, default: Client()].told[epoch, default: []].append(range)
        case .acknowledge(let name, let position):
            if clients[name]?.messages[position] == nil {
                report(.acknowledgement, event, name, "acknowledged \(position), which never came")
            }
        case .disconnect(let name, let connection): clients[name]?.connections[connection] = nil
        case .crash:
            verdict.crashes += 1
            for name in clients.keys { clients[name]?.connections = [:] }
        case .settled(let name): clients[name, default: Client()].isSettled = true
        }
    }

    private mutating func published(
        _ id: String, by publisher: String, to name: String, isDurable: Bool, _ answer: HistoryEvent.Answer,
        _ place: HistoryEvent.Place
    ) {
        knowsPublishes = true
        verdict.published += 1
        clients[name, default: Client()].isSettled = false
        // A second try with the same id may turn a missing answer into one.
        let known = clients[name]?.published[id]
        if known == nil, answer == .accepted { sent["\(publisher)\n\(name)", default: []].append(id) }
        if known != .accepted {
            clients[name]?.published[id] = known == HistoryEvent.Answer.none && answer == .refused ? known : answer
            if answer == .accepted { clients[name]?.accepted.append((id, isDurable, place)) }
        }
    }

    private mutating func delivered(
        _ id: String, at position: Position, to name: String, on connection: String, _ event: HistoryEvent
    ) {
        verdict.delivered += 1
        var client = clients[name] ?? Client()
        defer { clients[name] = client }

        if let other = client.messages[position], other.id != id {
            report(.identity, event, name, "\(position) is \(id), and was \(other.id)")
        }
        client.messages[position] = (id, event.place)

        if let before = client.arrivals[id] {
            if before.position.epoch == position.epoch {
                if before.position != position {
                    report(.repeat, event, name, "\(id) came as \(before.position) and again as \(position)")
                }
            } else if before.crashes == verdict.crashes {
                report(
                    .repeat, event, name, "\(id) came as \(before.position) and again as \(position), without a crash")
            }
        }
        client.arrivals[id] = Arrival(position: position, crashes: verdict.crashes)

        guard var present = client.connections[connection] else {
            return report(.epoch, event, name, "\(id) came on \(connection), which is not open")
        }
        if present.epoch != position.epoch {
            report(.epoch, event, name, "\(connection) belongs to epoch \(present.epoch), \(position) came on it")
        }
        if let last = present.last ?? present.resumed {
            if position.sequence == last {
                report(.repeat, event, name, "\(position) came on \(connection) again")
            } else if position.sequence < last {
                report(.reorder, event, name, "\(position) came on \(connection) behind \(last)")
            } else if position.sequence > last + 1 {
                client.jumps.append(
                    Jump(epoch: position.epoch, range: (last + 1)..<position.sequence, place: event.place))
            }
        }
        present.last = max(present.last ?? position.sequence, position.sequence)
        client.connections[connection] = present
    }

    /// The end of the history: what has not come by now is missing.
    public mutating func finish() -> Verdict {
        verdict.clients = clients.count
        for (name, client) in clients.sorted(by: { $0.key < $1.key }) {
            checkJumps(client, name)
            checkPublishes(client, name)
        }
        checkOrder()
        return verdict
    }

    private mutating func checkJumps(_ client: Client, _ name: String) {
        for jump in client.jumps {
            let missing = jump.range.first { sequence in
                client.messages[Position(epoch: jump.epoch, sequence: sequence)] == nil
                    && client.told[jump.epoch]?.contains { $0.contains(sequence) } != true
            }
            guard let missing else { continue }
            report(.hole, jump.place, name, "\(jump.epoch)-\(missing) never came and no gap tells why")
        }
    }

    private mutating func checkPublishes(_ client: Client, _ name: String) {
        if knowsPublishes {
            for (position, message) in client.messages.sorted(by: { $0.key.sequence < $1.key.sequence }) {
                switch client.published[message.id] {
                case nil: report(.unknown, message.place, name, "\(message.id), \(position), was never sent")
                case .refused:
                    report(.unknown, message.place, name, "\(message.id), \(position), came although it was refused")
                default: break
                }
            }
        }
        guard client.isSettled else { return }
        let missing = client.accepted.filter { $0.isDurable && client.arrivals[$0.id] == nil }
        // A gap names places, a publish names an id: as many messages may be missing as places were told, no more.
        let told = client.told.reduce(0) { count, ranges in
            count + ranges.value.reduce(into: Set<Int>()) { $0.formUnion($1) }.count
        }
        for entry in missing.dropFirst(told) {
            report(.loss, entry.place, name, "\(entry.id) is durable, was accepted and never came")
        }
    }

    /// What one publisher sent one after the other comes in that order, in each epoch.
    private mutating func checkOrder() {
        for (key, ids) in sent.sorted(by: { $0.key < $1.key }) {
            let name = String(key.split(separator: "\n", omittingEmptySubsequences: false)[1])
            guard let client = clients[name] else { continue }
            var places: [String: [String: (sequence: Int, place: HistoryEvent.Place)]] = [:]
            for (position, message) in client.messages {
                places[position.epoch, default: [:]][message.id] = (position.sequence, message.place)
            }
            for (epoch, arrived) in places.sorted(by: { $0.key < $1.key }) {
                var last = -1
                for id in ids {
                    guard let (sequence, place) = arrived[id] else { continue }
                    if sequence < last {
                        report(.reorder, place, name, "\(id), \(epoch)-\(sequence), was sent behind \(epoch)-\(last)")
                    }
                    last = max(last, sequence)
                }
            }
        }
    }

    private mutating func report(_ rule: Violation.Rule, _ event: HistoryEvent, _ client: String, _ reason: String) {
        report(rule, event.place, client, reason)
    }

    private mutating func report(
        _ rule: Violation.Rule, _ place: HistoryEvent.Place, _ client: String, _ reason: String
    ) {
        verdict.violations.append(Violation(rule: rule, place: place, client: client, reason: reason))
    }
}
