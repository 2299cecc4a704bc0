import GatewayCore
import WireJSON

/// What operators ask about everything behind the gateway: pools, rings, breakers.
extension Gateway {
    /// Adds somebody who knows upstreams.
    /// - Parameter figures: called whenever somebody asks, on any thread.
    public func addUpstreams(_ figures: @escaping @Sendable () async -> [UpstreamFigures]) {
        upstreams.withLock { $0.append(figures) }
    }

    func upstreamFigures() async -> [UpstreamFigures] {
        var all: [UpstreamFigures] = []
        for figures in upstreams.withLock({ $0 }) { all += await figures() }
        return all
    }

    /// `GET /mcp/admin/pool`: how each pool is, and all together.
    public func poolHealth() async -> [UInt8] {
        let pooled = await upstreamFigures().compactMap { upstream in upstream.pool.map { (upstream, $0) } }
        let all = pooled.map(\.1)
        return JSONWriter.object { writer in
            writer.member("status", Self.worst(all.map(\.status)).rawValue)
            Self.write(all, to: &writer)
            writer.key("pools")
            writer.array { list in
                for (upstream, pool) in pooled {
                    list.object { item in
                        item.member("kind", upstream.kind.rawValue)
                        item.member("server", upstream.server)
                        item.member("address", upstream.address)
                        item.member("status", pool.status.rawValue)
                        Self.write([pool], to: &item)
                    }
                }
            }
        }
    }

    static func worst(_ states: [PoolHealth.Status]) -> PoolHealth.Status {
        states.contains(.exhausted) ? .exhausted : states.contains(.degraded) ? .degraded : .healthy
    }

    private static func write(_ pools: [PoolHealth], to writer: inout JSONWriter) {
        writer.member("pool_size", pools.reduce(0) { $0 + $1.size })
        writer.member("available", pools.reduce(0) { $0 + $1.available })
        writer.member("overflow", pools.reduce(0) { $0 + $1.overflow })
        writer.member("queue_length", pools.reduce(0) { $0 + $1.queueLength })
        writer.member("avg_checkout_time", (pools.map(\.averageCheckoutTime.seconds).max() ?? 0) * 1000)
    }

    /// `GET /mcp/admin/ring`: how the sessions of each server are spread over its replicas.
    public func ringDistribution() async -> [UInt8] {
        let placed = await upstreamFigures().compactMap { upstream in upstream.share.map { (upstream.server, $0) } }
        var names: [String] = []
        for (server, _) in placed where !names.contains(server) { names.append(server) }
        return JSONWriter.object { writer in
            writer.key("rings")
            writer.array { list in
                for name in names {
                    let shares = placed.filter { $0.0 == name }.map(\.1)
                    let distribution = RingDistribution(of: shares)
                    list.object { ring in
                        ring.member("server", name)
                        ring.key("nodes")
                        ring.array { nodes in
                            for share in shares {
                                nodes.object { node in
                                    node.member("id", ShownAddress.text(share.id))
                                    node.member("weight", share.weight)
                                    node.member("vnode_count", share.virtualNodes)
                                    node.member("key_count", share.keys)
                                }
                            }
                        }
                        ring.member("total_keys", distribution.totalKeys)
                        ring.member("distribution_variance", distribution.variance)
                    }
                }
            }
        }
    }

    /// `GET /mcp/admin/breakers`. A transport's breaker is open while it takes no new connections; `router` is open
    /// when no transport's is closed (contract §12).
    public func breakerStates() async -> [UInt8] {
        let all = await upstreamFigures()
        let isOpen = Transport.allCases.map { !accepts($0) }
        return JSONWriter.object { writer in
            for (transport, isOpen) in zip(Transport.allCases, isOpen) {
                writer.member(transport.name, isOpen ? "open" : "closed")
            }
            writer.member("router", isOpen.allSatisfy { $0 } ? "open" : "closed")
            writer.key("upstreams")
            writer.array { list in
                for upstream in all {
                    guard let breaker = upstream.breaker else { continue }
                    list.object { item in
                        item.member("kind", upstream.kind.rawValue)
                        item.member("server", upstream.server)
                        item.member("address", upstream.address)
                        item.member("state", breaker.rawValue)
                        item.member("calls", upstream.calls)
                        item.member("failures", upstream.failures)
                    }
                }
            }
        }
    }
}
