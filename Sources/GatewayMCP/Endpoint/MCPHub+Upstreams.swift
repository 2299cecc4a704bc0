import GatewayCore
import GatewayServer
import NIOCore
import NIOHTTP1
import WireJSON

/// What one event loop knows of one server.
struct UpstreamReport: Sendable {
    var name: String
    var problem: String?
    var tools: Int?
    /// The same on all event loops; none for a program.
    var replicas: [ReplicaSet.Report]
    /// Of the connections of this event loop, by replica.
    var pools: [PoolHealth]
}

extension UpstreamServer {
    var report: UpstreamReport {
        UpstreamReport(
            name: name, problem: problem, tools: lists[.tools]?.names.count,
            replicas: replicas?.report(now: hub.now) ?? [], pools: origins.map(\.health))
    }
}

/// `GET /mcp/admin/upstreams`: the servers behind the gateway, and how they are.
extension MCPHub {
    static let upstreamsPath = "/mcp/admin/upstreams"

    func tellUpstreams(_ request: EndpointRequest, _ exchange: Exchange) {
        guard request.head.method == .GET else {
            return exchange.respond(Self.refusal(.methodNotAllowed, "method_not_allowed", "use GET"))
        }
        guard let token = settings.adminToken else {
            return exchange.respond(
                Self.refusal(
                    .forbidden, "forbidden", "admin paths need security.admin_token (MCP_ADMIN_TOKEN) to be set"))
        }
        guard request.head.headers["authorization"].contains(where: { Self.isSame($0, "Bearer " + token) }) else {
            var response = Self.refusal(
                .unauthorized, "authentication_failed", "the admin token is missing or wrong")
            response.headers.add(name: "www-authenticate", value: "Bearer")
            return exchange.respond(response)
        }
        let bound = NIOLoopBound(exchange, eventLoop: eventLoop)
        let processes = directory.liveProcesses
        let sessions = directory.openSessions
        directory.reports(to: eventLoop).whenSuccess { reports in
            let body = Self.text(reports, processes: processes, sessions: sessions)
            bound.value.respond(APIResponse.json(.ok, body))
        }
    }

    private static func refusal(_ status: HTTPResponseStatus, _ error: String, _ reason: String) -> APIResponse {
        APIResponse.json(
            status,
            JSONWriter.object { writer in
                writer.member("error", error)
                writer.member("reason", reason)
                writer.member("retry_after", raw: Array("null".utf8))
            })
    }

    /// Takes as long for every wrong text of a length.
    private static func isSame(_ a: String, _ b: String) -> Bool {
        guard a.utf8.count == b.utf8.count else { return false }
        return zip(a.utf8, b.utf8).reduce(0) { $0 | $1.0 ^ $1.1 } == 0
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

    private static func write(_ server: UpstreamReport, _ all: [UpstreamReport], to writer: inout JSONWriter) {
        let isDegraded =
            all.contains { $0.problem != nil } || server.replicas.contains { $0.state != .closed }
        writer.member("name", server.name)
        writer.member("status", isDegraded ? "degraded" : "healthy")
        if let problem = all.compactMap(\.problem).first { writer.member("problem", problem) }
        if let tools = all.compactMap(\.tools).max() { writer.member("tools", tools) }
        guard !server.replicas.isEmpty else { return }
        writer.key("replicas")
        writer.array { list in
            for (place, replica) in server.replicas.enumerated() {
                list.object { item in
                    item.member("url", replica.id)
                    item.member("circuit_breaker", replica.state.rawValue)
                    item.member("sessions", replica.placed)
                    item.member("calls", replica.calls)
                    item.member("failures", replica.failures)
                    let pools = all.compactMap { place < $0.pools.count ? $0.pools[place] : nil }
                    item.member("pool") { pool in
                        let status = pools.map(\.status)
                        let worst: PoolHealth.Status =
                            status.contains(.exhausted) ? .exhausted : status.contains(.degraded) ? .degraded : .healthy
                        pool.member("status", worst.rawValue)
                        pool.member("pool_size", pools.reduce(0) { $0 + $1.size })
                        pool.member("available", pools.reduce(0) { $0 + $1.available })
                        pool.member("overflow", pools.reduce(0) { $0 + $1.overflow })
                        pool.member("queue_length", pools.reduce(0) { $0 + $1.queueLength })
                        pool.member(
                            "avg_checkout_time",
                            Int(pools.map(\.averageCheckoutTime.milliseconds).max() ?? 0))
                    }
                }
            }
        }
    }
}
