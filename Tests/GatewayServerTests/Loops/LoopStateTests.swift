import GatewayCore
import Testing

@testable import GatewayServer

extension InProcess {
    struct LoopStateTests {
        @Test(.timeLimit(.minutes(5)))
        func `a place that is used again has another address`() async throws {
            try await withGateway { gateway in
                let findings = Findings()
                try await onLoop(gateway) { loop in
                    let record = ProbeRecord()
                    let probes = (0..<3).map { Probe($0, record, loop: loop) }
                    for probe in probes { loop.enter(probe, visitAt: .distantFuture) }
                    findings.expect(Set(probes.map(\.id)).count == 3, "addresses differ")
                    let old = probes[1].id
                    loop.leave(probes[1])
                    findings.expect(loop.member(old) == nil, "who has left is not found")
                    let next = Probe(9, record, loop: loop)
                    loop.enter(next, visitAt: .distantFuture)
                    findings.expect(next.id.slot == old.slot, "the place is used again")
                    findings.expect(next.id != old, "under another address")
                    findings.expect(loop.member(old) == nil, "the old address reaches nobody")
                    findings.expect(loop.member(next.id) === next, "the new one does")
                    findings.expect(loop.member(probes[0].id) === probes[0], "neighbours stay")
                    // Who has left cannot throw out its successor.
                    loop.leave(probes[1])
                    findings.expect(loop.member(next.id) === next, "left twice")
                    findings.expect(
                        loop.member(ConnectionID(loop: 0, slot: 1_000_000, generation: 0)) == nil, "no such place")
                }
                #expect(findings.all == [])
            }
        }

        @Test(.timeLimit(.minutes(5)))
        func `a successor takes over the address, and the replaced can do no harm`() async throws {
            try await withGateway { gateway in
                let findings = Findings()
                try await onLoop(gateway) { loop in
                    let record = ProbeRecord()
                    let first = Probe(1, record, loop: loop)
                    let second = Probe(2, record, loop: loop)
                    loop.enter(first, visitAt: .distantFuture)
                    let id = first.id
                    loop.replace(first, with: second, visitAt: .distantFuture)
                    findings.expect(second.id == id, "same address")
                    findings.expect(loop.member(id) === second, "the successor is found")
                    loop.leave(first)
                    findings.expect(loop.member(id) === second, "the replaced one leaves nothing")
                    loop.receiveWakes([id])
                    findings.expect(record.wakes == [2], "woke \(record.wakes)")
                    loop.leave(second)
                    findings.expect(loop.member(id) == nil, "gone")
                }
                #expect(findings.all == [])
            }
        }

        @Test(.timeLimit(.minutes(5)), arguments: 0..<5)
        func `any coming and going is found as a model finds it`(seed: Int) async throws {
            try await withGateway { gateway in
                let findings = Findings()
                try await onLoop(gateway) { loop in
                    var random = SeededGenerator(seed)
                    let record = ProbeRecord()
                    /// Every address there ever was, with its present owner.
                    var owners: [ConnectionID: Probe?] = [:]
                    var present: [Probe] = []
                    for step in 0..<1500 {
                        let probe = Probe(step, record, loop: loop)
                        switch random.below(5) {
                        case 0, 1:
                            loop.enter(probe, visitAt: .distantFuture)
                            findings.expect(owners[probe.id] == nil, "an address was given twice")
                            owners[probe.id] = .some(probe)
                            present.append(probe)
                        case 2 where !present.isEmpty:
                            let index = random.below(present.count)
                            loop.replace(present[index], with: probe, visitAt: .distantFuture)
                            owners[probe.id] = .some(probe)
                            present[index] = probe
                        default:
                            guard !present.isEmpty else { continue }
                            let gone = present.remove(at: random.below(present.count))
                            loop.leave(gone)
                            owners[gone.id] = .some(nil)
                        }
                    }
                    for (id, owner) in owners {
                        findings.expect(loop.member(id) === owner, "the wrong member at \(id)")
                    }
                    var all: Set<ObjectIdentifier> = []
                    loop.forEachMember { all.insert(ObjectIdentifier($0)) }
                    findings.expect(
                        all == Set(present.map(ObjectIdentifier.init)), "forEachMember sees all and only them")
                    // Late wakes for everyone that ever was reach those that are, once each.
                    let ids = Array(owners.keys)
                    for start in stride(from: 0, to: ids.count, by: 100) {
                        loop.receiveWakes(Array(ids[start..<min(start + 100, ids.count)]))
                    }
                    findings.expect(record.wakes.sorted() == present.map(\.name).sorted(), "wakes went astray")
                }
                #expect(findings.all == [])
            }
        }

        @Test(.timeLimit(.minutes(5)))
        func `members are visited in time, not early, and again when they ask for it`() async throws {
            try await withGateway { gateway in
                let record = ProbeRecord()
                let (start, successorDue) = try await onLoop(gateway) { loop in
                    loop.begin()
                    let start = loop.now
                    // 0...4 wait longer and longer.
                    for name in 0..<5 {
                        loop.enter(
                            Probe(name, record, loop: loop), visitAt: start + .milliseconds(100 + 200 * Int64(name)))
                    }
                    loop.enter(Probe(10, record, again: .milliseconds(1), loop: loop), visitAt: start)
                    // Asked for twice: the earlier time counts, and there is one visit.
                    let hasty = Probe(20, record, loop: loop)
                    loop.enter(hasty, visitAt: start + .milliseconds(900))
                    loop.schedule(hasty, at: start + .milliseconds(300))
                    loop.schedule(hasty, at: start + .milliseconds(2000))
                    let gone = Probe(30, record, loop: loop)
                    loop.enter(gone, visitAt: start + .milliseconds(200))
                    loop.leave(gone)
                    let replaced = Probe(40, record, loop: loop)
                    let successor = Probe(41, record, loop: loop)
                    loop.enter(replaced, visitAt: start + .milliseconds(100))
                    loop.replace(replaced, with: successor, visitAt: start + .milliseconds(800))
                    return (start, start + .milliseconds(800))
                }
                #expect(await eventually { record.visits.contains { $0.name == 4 && $0.at >= start } })
                #expect(await eventually { record.visits.count { $0.name == 10 } >= 6 })
                #expect(await eventually { record.visits.contains { $0.name == 20 } })
                #expect(await eventually { record.visits.contains { $0.name == 41 } })
                let visits = record.visits
                for name in 0..<5 {
                    let mine = visits.filter { $0.name == name }
                    #expect(mine.count == 1)
                    #expect(mine[0].at >= start + .milliseconds(100 + 200 * Int64(name)), "\(name) was visited early")
                }
                #expect(visits.count { $0.name == 20 } == 1)
                #expect(visits.first { $0.name == 20 }!.at >= start + .milliseconds(300))
                #expect(visits.contains { $0.name == 30 } == false, "who has left is not visited")
                #expect(visits.contains { $0.name == 40 } == false, "who was replaced is not visited")
                #expect(visits.filter { $0.name == 41 }.map { $0.at >= successorDue } == [true])
                let ticks = visits.filter { $0.name == 10 }.map(\.at)
                for (earlier, later) in zip(ticks, ticks.dropFirst()) {
                    // Not at every turn of a busy loop: a tick apart at least, but for what a late turn makes up.
                    #expect(later > earlier)
                }
            }
        }

        @Test(.timeLimit(.minutes(5)))
        func `wakes of one event leave once it is over; that of its own connection is told to the caller`() async throws
        {
            try await withGateway { gateway in
                let record = ProbeRecord()
                let findings = Findings()
                try await onLoop(gateway) { loop in
                    let probes = (0..<3).map { Probe($0, record, loop: loop) }
                    for probe in probes { loop.enter(probe, visitAt: .distantFuture) }
                    for probe in probes { loop.context.wakes.insert(probe.id) }
                    findings.expect(loop.dispatchWakes(except: probes[1].id), "its own wake is told")
                    findings.expect(record.wakes == [], "nobody is woken in the middle of an event")
                    findings.expect(loop.context.wakes.byLoop.allSatisfy(\.isEmpty), "the set is empty again")
                    findings.expect(!loop.dispatchWakes(except: probes[1].id), "nothing is left")
                    // One that leaves before its wake comes is not woken.
                    loop.leave(probes[2])
                }
                #expect(await eventually { record.wakes.contains(0) })
                try await onLoop(gateway) { _ in }
                #expect(record.wakes == [0])
                #expect(findings.all == [])
            }
        }

        @Test(.timeLimit(.minutes(5)))
        func `many wakes are taken over several turns, in order, and other tasks come between`() async throws {
            try await withGateway { gateway in
                let record = ProbeRecord()
                let count = 3000
                let wokenBefore = try await onLoop(gateway) { loop in
                    let probes = (0..<count).map { Probe($0, record, loop: loop) }
                    for probe in probes { loop.enter(probe, visitAt: .distantFuture) }
                    loop.receiveWakes(probes.map(\.id))
                    return record.wakes.count
                }
                #expect(wokenBefore > 0)
                #expect(wokenBefore < count, "one turn does not take all")
                #expect(await eventually { record.wakes.count == count })
                #expect(record.wakes == Array(0..<count))
            }
        }

        @Test(.timeLimit(.minutes(5)))
        func `members that wake each other do not starve those that wait`() async throws {
            try await withGateway { gateway in
                let record = ProbeRecord()
                try await onLoop(gateway) { loop in
                    let probes = (0..<4).map { Probe($0, record, loop: loop) }
                    for probe in probes {
                        loop.enter(probe, visitAt: .distantFuture)
                        var turns = 50
                        let next = probes[(probe.name + 1) % 3]
                        guard probe.name < 3 else { continue }
                        probe.onWake = { [unowned loop, unowned next] in
                            turns -= 1
                            if turns > 0 {
                                loop.context.wakes.insert(next.id)
                                loop.dispatchWakes(except: nil)
                            }
                        }
                    }
                    loop.receiveWakes([probes[0].id, probes[3].id])
                }
                #expect(await eventually { record.wakes.count { $0 < 3 } >= 140 })
                #expect(record.wakes.prefix(2) == [0, 3])
                #expect(record.wakes.count { $0 == 3 } == 1)
            }
        }
    }
}
