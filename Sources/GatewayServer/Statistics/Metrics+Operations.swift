import GatewayCore

/// How connections began and ended, and how everything behind the gateway is.
extension Gateway {
    func writeEnds(_ closes: [Closes], _ sums: [TrafficCounters], to text: inout MetricsText) {
        text.begin(
            "mcp_gateway_recoveries_total", .counter,
            "Connections that went on where their client was (recovered), or did not, and why.")
        for transport in Transport.allCases {
            let own = sums[Int(transport.rawValue)]
            text.add(own.recovered, ["transport": transport.name, "result": "recovered", "reason": "none"])
            for reason in [Session.AttachReason.new, .epoch, .trimmed, .ahead] {
                text.add(
                    own.notRecovered(reason),
                    ["transport": transport.name, "result": "not_recovered", "reason": reason.rawValue])
            }
        }
        var all = Closes()
        for one in closes { all.add(one) }
        text.begin(
            "mcp_gateway_closes_total", .counter, "Connections that ended, by who ended them and the close code.")
        for (key, count) in all.sorted {
            text.add(
                count,
                [
                    "transport": key.transport.name, "initiator": key.initiator.rawValue, "code": "\(key.code)",
                ])
        }
    }

    func write(_ upstreams: [UpstreamFigures], to text: inout MetricsText) {
        guard !upstreams.isEmpty else { return }
        func labels(_ upstream: UpstreamFigures) -> KeyValuePairs<String, String> {
            ["kind": upstream.kind.rawValue, "server": upstream.server, "address": upstream.address ?? ""]
        }
        text.begin("mcp_gateway_upstream_calls_total", .counter, "Calls of an upstream.")
        for one in upstreams { text.add(one.calls, labels(one)) }
        text.begin("mcp_gateway_upstream_failures_total", .counter, "Calls that it did not answer.")
        for one in upstreams { text.add(one.failures, labels(one)) }
        text.begin("mcp_gateway_upstream_seconds", .histogram, "How long the answers of a server took.")
        var known: Set<String> = []
        // Replicas of one server share one histogram.
        for one in upstreams where known.insert(one.kind.rawValue + one.server).inserted {
            text.add(
                one.latencies, ["kind": one.kind.rawValue, "server": one.server], buckets: Self.upstreamBuckets)
        }
        text.begin("mcp_gateway_tool_seconds", .histogram, "How long the answers of a tool took.")
        known = []
        for one in upstreams where known.insert(one.kind.rawValue + one.server).inserted {
            for (tool, latencies) in one.toolLatencies.sorted(by: { $0.key < $1.key }) {
                text.add(latencies, ["server": one.server, "tool": tool], buckets: Self.upstreamBuckets)
            }
        }
        text.begin(
            "mcp_gateway_circuit_breaker_state", .gauge, "1 for the state that a circuit breaker is in, 0 for others.")
        for one in upstreams {
            guard let breaker = one.breaker else { continue }
            for state in [CircuitBreaker.State.closed, .halfOpen, .open] {
                text.add(
                    state == breaker ? 1 : 0,
                    [
                        "kind": one.kind.rawValue, "server": one.server, "address": one.address ?? "",
                        "state": state.rawValue,
                    ])
            }
        }
        var limits: [(KeyValuePairs<String, String>, ConcurrencyGate.Figures)] = []
        known = []
        for one in upstreams {
            guard let limit = one.limit, known.insert(one.kind.rawValue + one.server).inserted else { continue }
            limits.append((["kind": one.kind.rawValue, "server": one.server], limit))
        }
        write(limits, to: &text)
        write(upstreams.compactMap { one in one.pool.map { (labels(one), $0) } }, to: &text)
    }

    private func write(_ limits: [(KeyValuePairs<String, String>, ConcurrencyGate.Figures)], to text: inout MetricsText)
    {
        func family(_ name: String, _ help: String, _ value: KeyPath<ConcurrencyGate.Figures, Int>) {
            text.begin("mcp_gateway_upstream_" + name, .gauge, help)
            for (labels, limit) in limits { text.add(limit[keyPath: value], labels) }
        }
        guard !limits.isEmpty else { return }
        family("concurrency_limit", "Calls of a server that may be under way, as learned.", \.limit)
        family("in_flight", "Calls that are under way within that limit.", \.inFlight)
        family("waiting", "Calls that wait for their turn.", \.waiting)
        text.begin("mcp_gateway_upstream_refused_total", .counter, "Calls whose turn did not come.")
        for (labels, limit) in limits { text.add(limit.refused, labels) }
    }

    private func write(_ pools: [(KeyValuePairs<String, String>, PoolHealth)], to text: inout MetricsText) {
        func family(_ name: String, _ help: String, _ value: KeyPath<PoolHealth, Int>) {
            text.begin("mcp_gateway_pool_" + name, .gauge, help)
            for (labels, pool) in pools { text.add(pool[keyPath: value], labels) }
        }
        family("size", "Connections or permits that a pool keeps.", \.size)
        family("available", "Those that nobody has.", \.available)
        family("overflow", "Those beyond its size.", \.overflow)
        family("waiting", "Requests that wait for one.", \.queueLength)
    }

    /// 256 µs to 67 s.
    private static let upstreamBuckets = 8...26
}
