import Testing

@testable import DeliveryHistory

/// A checker is worth what it catches: good histories pass, and each way to break one is noticed.
@Suite struct HistoryCheckerTests {
    @Test(arguments: 0..<200)
    func aGoodHistoryPasses(seed: Int) {
        let verdict = HistoryChecker.check(GoodHistory(seed: seed).events)
        #expect(verdict.violations == [])
        #expect(verdict.delivered > 0)
    }

    enum Mutation: CaseIterable {
        case drop, swap, `repeat`, forgeEpoch, forgeID, dropGap, refuse, forgeAcknowledgement, repeatElsewhere
    }

    @Test(arguments: Mutation.allCases)
    func aBrokenHistoryIsCaught(mutation: Mutation) {
        var tried = 0
        for seed in 0..<100 {
            var random = SeededGenerator(seed + 1000)
            // As many messages may be missing as gaps told.
            let good = GoodHistory(seed: seed, tellsGaps: mutation != .drop)
            guard let events = mutate(good.events, mutation, &random) else { continue }
            tried += 1
            let verdict = HistoryChecker.check(events)
            #expect(!verdict.holds, "seed \(seed)")
        }
        #expect(tried >= 20, "only \(tried) histories could be broken so")
    }

    /// Breaks a history where that breaks a promise: what comes again in a later epoch, for example, may be dropped once.
    private func mutate(
        _ events: [HistoryEvent], _ mutation: Mutation, _ random: inout SeededGenerator
    ) -> [HistoryEvent]? {
        var events = events
        func deliveries(where isFit: (String) -> Bool = { _ in true }) -> [Int] {
            events.indices.filter { index in
                guard case .deliver(_, _, _, let id) = events[index].kind else { return false }
                return isFit(id)
            }
        }
        func pick(_ indices: [Int]) -> Int? { indices.isEmpty ? nil : indices[random.below(indices.count)] }
        func replace(_ index: Int, _ kind: HistoryEvent.Kind) {
            events[index] = HistoryEvent(kind, place: events[index].place)
        }
        func comesOnce(_ id: String) -> Bool {
            events.count { if case .deliver(_, _, _, id) = $0.kind { true } else { false } } == 1
        }
        func wasAccepted(_ id: String) -> Bool {
            events.contains { if case .publish(_, _, id, _, .accepted) = $0.kind { true } else { false } }
        }
        switch mutation {
        case .drop:
            guard let index = pick(deliveries { comesOnce($0) && wasAccepted($0) }) else {
                return nil
            }
            events.remove(at: index)
        case .swap:
            let pairs = deliveries().filter { index in
                guard index + 1 < events.count, case .deliver(let one, let first, _, _) = events[index].kind,
                    case .deliver(let other, let second, _, _) = events[index + 1].kind
                else { return false }
                return one == other && first == second
            }
            guard let index = pick(pairs) else { return nil }
            events.swapAt(index, index + 1)
        case .repeat:
            guard let index = pick(deliveries()) else { return nil }
            events.insert(events[index], at: index + 1)
        case .forgeEpoch:
            guard let index = pick(deliveries()),
                case .deliver(let client, let connection, let position, let id) = events[index].kind
            else { return nil }
            let forged = HistoryEvent.Position(epoch: "forged", sequence: position.sequence)
            replace(index, .deliver(client: client, connection: connection, forged, id: id))
        case .forgeID:
            guard let index = pick(deliveries()),
                case .deliver(let client, let connection, let position, _) = events[index].kind
            else { return nil }
            replace(index, .deliver(client: client, connection: connection, position, id: "forged"))
        case .dropGap:
            let gaps = events.indices.filter { index in
                guard case .gap(let client, let connection, _, let range) = events[index].kind else { return false }
                // Something came behind it on the same connection, and something before.
                let sequences = events.compactMap { event -> Int? in
                    guard case .deliver(client, connection, let position, _) = event.kind else { return nil }
                    return position.sequence
                }
                return sequences.contains { $0 > range.upperBound } && sequences.contains { $0 < range.lowerBound }
            }
            guard let index = pick(gaps) else { return nil }
            events.remove(at: index)
        case .refuse:
            let sent = events.indices.filter { index in
                guard case .publish(_, _, let id, _, .accepted) = events[index].kind else { return false }
                return events.contains { if case .deliver(_, _, _, id) = $0.kind { true } else { false } }
            }
            guard let index = pick(sent), case .publish(let publisher, let client, let id, _, _) = events[index].kind
            else { return nil }
            replace(index, .publish(publisher: publisher, client: client, id: id, isDurable: true, .refused))
        case .forgeAcknowledgement:
            guard let index = pick(deliveries()), case .deliver(let client, _, let position, _) = events[index].kind
            else { return nil }
            let ahead = HistoryEvent.Position(epoch: position.epoch, sequence: position.sequence + 1000)
            events.insert(HistoryEvent(.acknowledge(client: client, ahead), place: events[index].place), at: index)
        case .repeatElsewhere:
            // The same message again at another place of the same log.
            guard let index = pick(deliveries()),
                case .deliver(let client, let connection, let position, let id) = events[index].kind
            else { return nil }
            let later = HistoryEvent.Position(epoch: position.epoch, sequence: position.sequence + 500)
            let again = HistoryEvent(
                .deliver(client: client, connection: connection, later, id: id), place: events[index].place)
            events.insert(again, at: index + 1)
        }
        return events
    }

    @Test func twoTransportsMayShareTheWork() {
        #expect(
            check(
                """
                {"event":"connect","client":"a","connection":"w","epoch":"e","resume":null,"recovered":false}
                {"event":"deliver","client":"a","connection":"w","epoch":"e","sequence":0,"id":"m0"}
                {"event":"connect","client":"a","connection":"s","epoch":"e","resume":"e-0","recovered":true}
                {"event":"deliver","client":"a","connection":"s","epoch":"e","sequence":1,"id":"m1"}
                {"event":"deliver","client":"a","connection":"w","epoch":"e","sequence":2,"id":"m2"}
                """
            ).violations == [])
    }

    @Test func aHoleIsNamedWhereItOpens() {
        let verdict = check(
            """
            {"event":"connect","client":"a","connection":"w","epoch":"e","resume":"e-4","recovered":true}
            {"event":"deliver","client":"a","connection":"w","epoch":"e","sequence":6,"id":"m6"}
            """)
        #expect(verdict.violations.map(\.rule) == [.hole])
        #expect(verdict.violations.map(\.place.line) == [2])
        #expect(verdict.violations.first?.reason == "e-5 never came and no gap tells why")
    }

    @Test func aLostAnswerAllowsBoth() {
        #expect(
            check(
                """
                {"event":"publish","publisher":"p","client":"a","id":"m0","durable":true,"answer":"none"}
                {"event":"publish","publisher":"p","client":"a","id":"m1","durable":true,"answer":"none"}
                {"event":"publish","publisher":"p","client":"a","id":"m1","durable":true,"answer":"accepted"}
                {"event":"connect","client":"a","connection":"w","epoch":"e","resume":null,"recovered":false}
                {"event":"deliver","client":"a","connection":"w","epoch":"e","sequence":0,"id":"m1"}
                {"event":"settled","client":"a"}
                """
            ).violations == [])
    }

    private func check(_ text: String) -> Verdict {
        guard let events = try? HistoryReader.read(Array(text.utf8), file: "test") else {
            Issue.record("not a history")
            return Verdict()
        }
        return HistoryChecker.check(events)
    }
}
