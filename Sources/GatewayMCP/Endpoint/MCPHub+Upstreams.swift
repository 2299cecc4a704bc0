import GatewayCore
public import GatewayServer
import NIOCore
import WireJSON

/// What one event loop knows of one server.
struct UpstreamReport: Sendable {
    var name: String
    var problem: String?
    var tools: Int?
    /// The same on all event loops; none for a program.
    var replicas: [ReplicaSet.Report]
    /// How the clients are spread over them.
    var ring: RingDistribution?
    /// Of the connections of this event loop, by replica.
    var pools: [PoolHealth]
    var calls: Int
    var failures: Int
    var latencies: LatencyHistogram
    var toolLatencies: [String: LatencyHistogram]
    /// Of this event loop; `nil` where no limit is learned.
    var limit: ConcurrencyGate.Figures?
}

extension UpstreamServer {
    var report: UpstreamReport {
        UpstreamReport(
            name: name, problem: problem, tools: lists[.tools]?.names.count,
            replicas: replicas?.report(now: hub.now) ?? [], ring: replicas?.distribution(),
            pools: origins.map(\.health), calls: calls.ended, failures: calls.failed, latencies: calls.latencies,
            toolLatencies: toolLatencies, limit: gate?.figures)
    }
}

extension MCPDirectory {
    /// The servers behind the gateway, and how they are: the answer to `GET /mcp/admin/upstreams`, as JSON text.
    public func upstreams() async -> [UInt8] {
        Self.text(await reports(), processes: liveProcesses, sessions: openSessions)
    }

    /// The calls of clients that ended last, newest first, as JSON text.
    public func recentCalls() -> [UInt8] {
        JSONWriter.object { writer in
            writer.key("calls")
            writer.array { list in
                for entry in lastCalls.newest {
                    list.object { item in
                        item.member("timestamp", Timestamp(milliseconds: entry.at).text)
                        item.member("server", entry.server)
                        item.member("method", entry.method)
                        item.member("name", entry.name)
                        item.member("duration_ms", entry.milliseconds)
                        item.member("error", entry.isError)
                    }
                }
            }
        }
    }

    /// The same figures for everybody who asks about all that is behind the gateway.
    public func figures() async -> [UpstreamFigures] {
        let loops = await reports()
        var figures: [UpstreamFigures] = []
        for (place, server) in (loops.first ?? []).enumerated() {
            let all = loops.compactMap { place < $0.count && $0[place].name == server.name ? $0[place] : nil }
            let problem = all.compactMap(\.problem).first
            var latencies = LatencyHistogram()
            var tools: [String: LatencyHistogram] = [:]
            for one in all {
                latencies.add(one.latencies)
                for (tool, span) in one.toolLatencies { tools[tool, default: LatencyHistogram()].add(span) }
            }
            let limit = ConcurrencyGate.Figures(of: all.compactMap(\.limit))
            guard !server.replicas.isEmpty else {
                var figure = UpstreamFigures(.mcp, server: server.name)
                figure.limit = limit
                figure.problem = problem
                figure.calls = all.reduce(0) { $0 + $1.calls }
                figure.failures = all.reduce(0) { $0 + $1.failures }
                figure.latencies = latencies
                figure.toolLatencies = tools
                figures.append(figure)
                continue
            }
            for (index, replica) in server.replicas.enumerated() {
                var figure = UpstreamFigures(.mcp, server: server.name, address: replica.id)
                figure.problem = problem
                figure.breaker = replica.state
                figure.limit = limit
                figure.calls = replica.calls
                figure.failures = replica.failures
                figure.pool = PoolHealth(of: all.compactMap { index < $0.pools.count ? $0.pools[index] : nil })
                figure.share = RingDistribution.Share(
                    id: replica.id, weight: replica.weight,
                    virtualNodes: HashRing.pointCount(
                        HashRing.Node(id: replica.id, weight: replica.weight), virtualNodes: virtualNodes),
                    keys: replica.placed)
                // Of the server as a whole: sessions move between its replicas.
                figure.latencies = latencies
                figure.toolLatencies = tools
                figures.append(figure)
            }
        }
        return figures
    }

    private func reports() async -> [[UpstreamReport]] {
        var all: [[UpstreamReport]] = []
        for hub in loops {
            let reports = try? await hub.eventLoop.submit {
                hub.value.readClock()
                return hub.value.servers.filter { !$0.isRemoved }.map(\.report)
            }.get()
            if let reports { all.append(reports) }
        }
        return all
    }

    private static func text(_ loops: [[UpstreamReport]], processes: Int, sessions: Int) -> [UInt8] {
        JSONWriter.object { writer in
            writer.member("sessions", sessions)
            writer.member("processes", processes)
            writer.key("upstreams")
            writer.array { list in
                for (place, server) in (loops.first ?? []).enumerated() {
                    let all = loops.compactMap { place < $0.count ? $0[place] : nil }
                    list.object { write(server, all, to: &$0) }
                }
            }
        }
    }

    /// As the requirements' `get_distribution` has it.
    private static func write(_ ring: RingDistribution, to writer: inout JSONWriter) {
        writer.member("total_keys", ring.totalKeys)
        writer.member("distribution_variance", ring.variance)
        writer.key("nodes")
        writer.array { list in
            for node in ring.nodes {
                list.object { item in
                    item.member("id", ShownAddress.text(node.id))
                    item.member("weight", node.weight)
                    item.member("vnode_count", node.virtualNodes)
                    item.member("key_count", node.keys)
                }
            }
        }
    }

    private static func write(_ server: UpstreamReport, _ all: [UpstreamReport], to writer: inout JSONWriter) {
        let isDegraded =
            all.contains { $0.problem != nil } || server.replicas.contains { $0.state != .closed }
        writer.member("name", server.name)
        writer.member("status", isDegraded ? "degraded" : "healthy")
        if let problem = all.compactMap(\.problem).first { writer.member("problem", problem) }
        if let tools = all.compactMap(\.tools).max() { writer.member("tools", tools) }
        if let limit = ConcurrencyGate.Figures(of: all.compactMap(\.limit)) {
            writer.member("limit") { writer in
                writer.member("limit", limit.limit)
                writer.member("in_flight", limit.inFlight)
                writer.member("waiting", limit.waiting)
                writer.member("refused", limit.refused)
            }
        }
        guard !server.replicas.isEmpty else { return }
        if let ring = server.ring { writer.member("ring") { write(ring, to: &$0) } }
        writer.key("replicas")
        writer.array { list in
            for (place, replica) in server.replicas.enumerated() {
                list.object { item in
                    item.member("url", ShownAddress.text(replica.id))
                    item.member("circuit_breaker", replica.state.rawValue)
                    item.member("sessions", replica.placed)
                    item.member("calls", replica.calls)
                    item.member("failures", replica.failures)
                    let health = PoolHealth(of: all.compactMap { place < $0.pools.count ? $0.pools[place] : nil })
                    item.member("pool") { pool in
                        pool.member("status", health.status.rawValue)
                        pool.member("pool_size", health.size)
                        pool.member("available", health.available)
                        pool.member("overflow", health.overflow)
                        pool.member("queue_length", health.queueLength)
                        pool.member("avg_checkout_time", Int(health.averageCheckoutTime.milliseconds))
                    }
                }
            }
        }
    }
}
