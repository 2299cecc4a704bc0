import GatewayCore
import WireJSON

/// What the dashboard shows each second. The same figures as `/mcp/stats`, with what has changed since the last time.
struct Snapshot: Sendable {
    /// The histograms at the last time, to tell the latest percentiles from those since the start.
    private var latencies = [LatencyHistogram](repeating: LatencyHistogram(), count: Transport.allCases.count)
    private var received = [Int](repeating: 0, count: Transport.allCases.count)
    private var bytes = [Int](repeating: 0, count: Transport.allCases.count)
    private var processorSeconds = 0.0
    private var at = Instant.zero
    /// The slowest clients are looked for every few snapshots only: it takes a look at every connection.
    private var slowest: [ConnectionReport] = []
    private var slowestAt = Instant.zero

    private static let slowestInterval = Instant.Span.seconds(4)
    private static let listed = 8

    /// Two forms: for whoever may see the page, and what only administrators see, which names clients.
    struct Texts: Sendable {
        var open: [UInt8]
        var administrators: [UInt8]
    }

    mutating func take(of gateway: Gateway) async -> Texts {
        let now = Clock.now
        let span = at > .zero ? max(0.001, (now - at).seconds) : 0
        let figures = await gateway.transportFigures()
        let lags = await gateway.collect { $0.lag.milliseconds }
        let upstreams = await gateway.upstreamFigures()
        let process = ProcessFigures()
        if now - slowestAt >= Self.slowestInterval {
            var query = ConnectionQuery()
            query.order = .unsent
            query.limit = Self.listed
            query.minimumUnsent = 1
            slowest = await gateway.select(query).reports
            slowestAt = now
        }
        let statistics = await gateway.statistics()
        let pools = await gateway.poolHealth()
        let rings = await gateway.ringDistribution()
        let breakers = await gateway.breakerStates()
        let health = await gateway.transportHealth()
        let last = self
        let open = JSONWriter.object { writer in
            writer.member("at", Clock.wall.text)
            writer.member("ready", gateway.currentPhase == .serving)
            writer.member("stats", raw: statistics)
            writer.member("transports") { writer in
                for transport in Transport.allCases {
                    let index = Int(transport.rawValue)
                    writer.member(transport.name) { item in
                        let recent = figures[index].latencies.since(last.latencies[index])
                        // Nothing lately: the figures since the start say more than none.
                        let shown = recent.count > 0 ? recent : figures[index].latencies
                        item.member("recent", recent.count > 0)
                        for (name, part) in [("p50_ms", 0.5), ("p90_ms", 0.9), ("p99_ms", 0.99)] {
                            item.key(name)
                            if let time = shown.percentile(part) { item.value(time * 1000) } else { item.null() }
                        }
                        item.member("per_second", span > 0 ? Double(recent.count) / span : 0)
                        item.member(
                            "received_per_second",
                            span > 0 ? Double(figures[index].messagesIn - last.received[index]) / span : 0)
                        item.member(
                            "bytes_per_second",
                            span > 0 ? Double(figures[index].bytesOut - last.bytes[index]) / span : 0)
                        item.member("max_connections", gateway.settings.maxConnections[transport.service] ?? 0)
                    }
                }
            }
            writer.member("health", raw: health)
            writer.member("breakers", raw: breakers)
            writer.member("pool", raw: pools)
            writer.member("ring", raw: rings)
            writer.key("upstreams")
            writer.array { list in for upstream in upstreams { list.object { Self.write(upstream, to: &$0) } } }
            writer.member("process") { item in
                item.member(
                    "cpu", span > 0 ? max(0, process.processorSeconds - last.processorSeconds) / span : 0)
                item.member("resident_bytes", process.residentBytes ?? 0)
                item.member("descriptors", process.openDescriptors ?? 0)
                item.member("max_descriptors", process.maxDescriptors)
                item.key("event_loop_lag_ms")
                item.array { list in lags.forEach { list.value($0) } }
            }
        }
        let administrators = JSONWriter.object { writer in
            writer.key("slowest")
            writer.array { list in for report in slowest { list.object { Gateway.write(report, to: &$0) } } }
            writer.key("errors")
            writer.array { list in
                for entry in gateway.recentErrors.newest(Self.listed) {
                    list.object { Gateway.write(entry, to: &$0) }
                }
            }
        }
        for transport in Transport.allCases {
            let index = Int(transport.rawValue)
            latencies[index] = figures[index].latencies
            received[index] = figures[index].messagesIn
            bytes[index] = figures[index].bytesOut
        }
        processorSeconds = process.processorSeconds
        at = now
        return Texts(open: open, administrators: administrators)
    }

    private static func write(_ upstream: UpstreamFigures, to writer: inout JSONWriter) {
        writer.member("kind", upstream.kind.rawValue)
        writer.member("server", upstream.server)
        writer.member("address", upstream.address)
        writer.member("problem", upstream.problem)
        writer.member("breaker", upstream.breaker?.rawValue)
        writer.member("calls", upstream.calls)
        writer.member("failures", upstream.failures)
        if let limit = upstream.limit { writer.member("limit", limit.limit) }
        for (name, part) in [("p50_ms", 0.5), ("p99_ms", 0.99)] {
            writer.key(name)
            if let time = upstream.latencies.percentile(part) { writer.value(time * 1000) } else { writer.null() }
        }
    }
}

extension Transport {
    /// Where its connections are counted.
    var service: GatewaySettings.Service { self == .webSocket ? .webSocket : .eventStream }
}
