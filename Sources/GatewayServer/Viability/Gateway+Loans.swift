import GatewayCore
import GatewayViability

/// Loans that S3 has called back.
extension Gateway {
    /// Shares out what there is before anybody has come, so that floors are there from the first connection on.
    func grantFirst() {
        var node = NodeSample()
        admission.ask(&node, settings)
        let units = (0..<loopCount).flatMap { loop in
            Transport.allCases.map { UnitSample(unit: .transport($0, loop: loop)) }
        }
        let shares = viability.withSystem { system in
            _ = system.share(node, Clock.now)
            _ = system.shareEgress(units, Clock.now)
            return system.connectionGrants
        }
        admission.grant(shares.granted, of: node.connectionCapacity)
    }

    /// Ends connections of a transport whose places belong to others. Those that are ending already count, and have no more
    /// time for that from now on than any other that gives way. Of the others those go first that have not said who they
    /// are, then as the policy's rules rank their clients, and of those alike the newest, because who has come last has
    /// brought the crowd. Their clients come back at times of their own.
    func takeBack(_ count: Int, of transport: Transport) async {
        let table = policyGate.view?.table
        let parts = await walk([Borrower]()) { member, found in
            guard let engine = member.connection, engine.transport == transport,
                engine.handle !== engine.gateway.operations.handle || engine.handle == nil
            else { return }
            let isGoing = engine.verdict != .open
            guard !isGoing, let handle = engine.handle else {
                return found.append(
                    Borrower(id: member.id, isGoing: isGoing, standing: .refused, since: .distantFuture))
            }
            let standing = table?.standing(client: handle.clientID.text, tier: engine.identity?.principal.tier)
            found.append(
                Borrower(id: member.id, isGoing: false, standing: standing ?? .usual, since: engine.attachedAt))
        }
        let chosen = parts.flatMap { $0 }.sorted().prefix(count)
        for (loop, borrowers) in Dictionary(grouping: chosen, by: \.id.loop) {
            // Those that are going already have been told when to come back.
            let waits = borrowers.map { ($0.id, $0.isGoing ? 0 : admission.returnAfter(most: 10)) }
            onLoop(loop) { loop in
                loop.begin()
                for (id, seconds) in waits {
                    loop.reconnectAfter = .seconds(Int64(seconds))
                    loop.member(id)?.giveWay("viability.control: others need the place")
                }
                loop.dispatchWakes(except: nil)
            }
        }
    }

    /// Bytes that each transport holds for its clients: what waits for the kernel, and the logs of their sessions. A client
    /// with both transports has one log, that of the one which its messages take; one that is away has that of the last.
    /// - Returns: `nil` while there is enough for all: looking at each connection is not for nothing.
    func heldBytes() async -> [Transport: Int]? {
        guard settings.viability.control.isOn, memory.figures.used >= memory.budget / 100 * MemoryBargain.leastPercent
        else { return nil }
        let none = [Int](repeating: 0, count: Transport.allCases.count)
        let parts = await walk(none) { member, bytes in
            guard let engine = member.connection else { return }
            bytes[Int(engine.transport.rawValue)] += member.heldBytes
        }
        var sums = parts.reduce(none) { sum, part in zip(sum, part).map(+) }
        directory.forEach { handle in
            let (transport, bytes) = handle.session.withLock { ($0.usualTransport, $0.logBytes) }
            if let transport { sums[Int(transport.rawValue)] += bytes }
        }
        return Dictionary(uniqueKeysWithValues: Transport.allCases.map { ($0, sums[Int($0.rawValue)]) })
    }

    /// The families of what transports share.
    func writeBudgets(to text: inout MetricsText) {
        let (budgets, connections, servers, egress) = viability.withSystem {
            ($0.budgets, $0.connections, $0.servers, $0.egress)
        }
        guard let connections else { return }
        text.begin("mcp_gateway_budget", .gauge, "What each unit is promised, may have, has and has borrowed.")
        for budget in budgets {
            for (unit, figure, value) in budget.figures {
                text.add(value, ["resource": budget.resource.rawValue, "unit": unit, "figure": figure])
            }
        }
        text.begin("mcp_gateway_budget_refused_total", .counter, "What was refused for want of a grant.")
        for (unit, account) in connections.standing {
            text.add(account.refused, ["resource": connections.resource.rawValue, "unit": unit])
        }
        for bargain in servers {
            for (unit, account) in bargain.standing {
                text.add(account.refused, ["resource": bargain.resource.rawValue, "unit": unit])
            }
        }
        text.begin("mcp_gateway_loans_called_total", .counter, "Loans that were called back.")
        for budget in budgets { text.add(budget.recalls.called, ["resource": budget.resource.rawValue]) }
        guard let egress else { return }
        text.begin(
            "mcp_gateway_budget_held_back_total", .counter, "Times that a connection waited for its turn to send.")
        for (unit, account) in egress.standing {
            text.add(account.heldBack, ["resource": egress.resource.rawValue, "unit": unit])
        }
    }

    /// A connection that may have to go.
    private struct Borrower: Comparable {
        let id: ConnectionID
        /// Whether it is ending already.
        let isGoing: Bool
        let standing: RuleTable.Standing
        let since: Instant

        /// Whether it goes before another.
        static func < (one: Borrower, other: Borrower) -> Bool {
            guard one.isGoing == other.isGoing else { return one.isGoing }
            return one.standing == other.standing ? one.since > other.since : one.standing < other.standing
        }
    }
}
