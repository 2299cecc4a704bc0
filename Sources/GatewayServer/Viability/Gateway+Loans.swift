import GatewayCore
import GatewayViability

/// Loans that S3 has called back.
extension Gateway {
    /// Shares out what there is before anybody has come, so that floors are there from the first connection on.
    func grantFirst() {
        var node = NodeSample()
        admission.ask(&node, settings)
        let shares = viability.withSystem { system in
            _ = system.share(node, Clock.now)
            return system.connectionGrants
        }
        admission.grant(shares.granted, of: node.connectionCapacity)
    }

    /// Ends connections of a transport whose places belong to others: those first that have not said who they are, then the
    /// newest, because who has come last has brought the crowd. Their clients come back at times of their own.
    func takeBack(_ count: Int, of transport: Transport) async {
        let parts = await walk([Borrower]()) { member, found in
            guard let engine = member.connection, engine.transport == transport,
                engine.handle !== engine.gateway.operations.handle || engine.handle == nil
            else { return }
            found.append(Borrower(id: member.id, since: engine.handle == nil ? .distantFuture : engine.attachedAt))
        }
        let chosen = parts.flatMap { $0 }.sorted { $0.since > $1.since }.prefix(count)
        for (loop, borrowers) in Dictionary(grouping: chosen, by: \.id.loop) {
            let waits = borrowers.map { ($0.id, admission.returnAfter(most: 10)) }
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

    /// The families of what transports share.
    func writeBudgets(to text: inout MetricsText) {
        guard let bargain = viability.withSystem(\.connections) else { return }
        let resource = Loan.Resource.connections.rawValue
        let accounts = bargain.accounts.sorted { $0.key < $1.key }
        text.begin("mcp_gateway_budget", .gauge, "What each transport is promised, may have, has and has borrowed.")
        for (transport, account) in accounts {
            for (figure, value) in [
                ("floor", account.floor), ("granted", account.granted), ("used", account.used),
                ("borrowed", account.borrowed),
            ] {
                text.add(value, ["resource": resource, "unit": transport.name, "figure": figure])
            }
        }
        text.begin("mcp_gateway_budget_refused_total", .counter, "What was refused for want of a grant.")
        for (transport, account) in accounts {
            text.add(account.refused, ["resource": resource, "unit": transport.name])
        }
        text.begin("mcp_gateway_loans_called_total", .counter, "Loans that were called back.")
        text.add(bargain.recalls.called, ["resource": resource])
    }

    /// A connection that may have to go.
    private struct Borrower {
        let id: ConnectionID
        let since: Instant
    }
}
