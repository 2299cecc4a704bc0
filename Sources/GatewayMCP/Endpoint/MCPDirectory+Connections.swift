import GatewayCore
import Synchronization

/// Connections whose places belong to other servers.
extension MCPDirectory {
    /// The servers that have addresses.
    static func addresses(_ servers: [MCPSettings.Server]) -> [String] {
        servers.compactMap { if case .url = $0.target { $0.name } else { nil } }
    }

    /// Somebody waits for a connection: each event loop gives one up that nobody uses, whose ever it is. Who is still
    /// refused then asks again.
    func spareConnections() {
        guard !isSparing.exchange(true, ordering: .relaxed) else { return }
        for hub in loops {
            hub.eventLoop.execute {
                hub.value.directory.isSparing.store(false, ordering: .relaxed)
                hub.value.spareConnection()
            }
        }
    }

    /// Closes so many connections in the pools of each server: those first that nobody uses, and others as soon as the
    /// answers that they carry are there.
    public func closeConnections(_ counts: [String: Int]) async {
        let hubs = loops
        for (server, count) in counts {
            var left = count
            var open: [Int] = []
            for hub in hubs {
                let most = left
                let found = try? await hub.eventLoop.submit { hub.value.closeIdleConnections(most, of: server) }.get()
                left -= found?.closed ?? 0
                open.append(found?.open ?? 0)
            }
            // What is in use gives way where there is most of it.
            var rest = open.reduce(0, +)
            for (hub, open) in zip(hubs, open) {
                let part = rest > 0 ? min(open, (left * open + rest - 1) / rest) : 0
                try? await hub.eventLoop.submit { hub.value.closeConnectionsOnReturn(part, of: server) }.get()
                left -= part
                rest -= open
            }
        }
    }
}

extension MCPHub {
    private func origins(of name: String) -> [HTTPOrigin] {
        servers.filter { $0.name == name && !$0.isRemoved }.flatMap(\.origins)
    }

    /// Closes connections to a server that nobody uses.
    /// - Returns: how many were closed, and how many are there still.
    func closeIdleConnections(_ count: Int, of name: String) -> (closed: Int, open: Int) {
        readClock()
        var closed = 0
        let origins = origins(of: name)
        for origin in origins { closed += origin.closeIdle(count - closed) }
        return (closed, origins.reduce(0) { $0 + $1.openConnections })
    }

    /// So many connections to a server are closed when the answers that they carry are there.
    func closeConnectionsOnReturn(_ count: Int, of name: String) {
        var left = count
        for origin in origins(of: name) {
            let part = min(left, origin.openConnections)
            origin.closeOnReturn(part)
            left -= part
        }
    }

    /// Closes one connection that nobody uses.
    func spareConnection() {
        readClock()
        for server in servers { for origin in server.origins where origin.closeIdle(1) > 0 { return } }
    }

    /// There may be places for connections that had none.
    func openParked() {
        readClock()
        for server in servers { for origin in server.origins { origin.openParked() } }
    }
}
