import GatewayCore

/// Programs whose places belong to other servers.
extension MCPDirectory {
    /// The servers that are programs.
    static func programs(_ servers: [MCPSettings.Server]) -> [String] {
        servers.compactMap { if case .command = $0.target { $0.name } else { nil } }
    }

    /// Stops so many programs of each server, as far as nobody uses them: those first that have been idle for longest. They
    /// start again with the next call. Those that are in use stay.
    public func stopIdleProcesses(_ counts: [String: Int]) async {
        let hubs = loops
        var idle: [String: [IdleProcess]] = [:]
        for (place, hub) in hubs.enumerated() {
            let found = try? await hub.eventLoop.submit {
                hub.value.idleProcesses(of: Set(counts.keys)).map { session in
                    (
                        session.server.name,
                        IdleProcess(hub: place, id: ObjectIdentifier(session), since: session.lastUse)
                    )
                }
            }.get()
            for (server, process) in found ?? [] { idle[server, default: []].append(process) }
        }
        for (server, count) in counts {
            let chosen = (idle[server] ?? []).sorted { $0.since < $1.since }.prefix(count)
            for (place, processes) in Dictionary(grouping: chosen, by: \.hub) {
                let ids = Set(processes.map(\.id))
                let hub = hubs[place]
                // By now somebody may use it.
                try? await hub.eventLoop.submit {
                    hub.value.readClock()
                    for session in hub.value.idleProcesses(of: [server]) where ids.contains(ObjectIdentifier(session)) {
                        session.giveWay()
                    }
                }.get()
            }
        }
    }

    /// A program that nobody uses.
    private struct IdleProcess: Sendable {
        let hub: Int
        let id: ObjectIdentifier
        let since: Instant
    }
}

extension MCPHub {
    /// Sessions whose programs nobody uses at present.
    func idleProcesses(of names: Set<String>) -> [ProcessSession] {
        let wanted = servers.filter { names.contains($0.name) && !$0.isRemoved }
        return wanted.flatMap { server in
            let own = sessions.values.compactMap { $0.ownSession(with: server) }
            return (server.sharedSessions + own).compactMap { $0 as? ProcessSession }.filter(\.isIdle)
        }
    }
}
