import GatewayCore
import WireJSON

/// What operators ask about connections (contract §7, `/mcp/admin`).
extension Gateway {
    /// `GET /mcp/admin/connections`
    public func connections(_ query: ConnectionQuery) async -> [UInt8] {
        let selection = await select(query)
        return JSONWriter.object { writer in
            writer.member("matches", selection.matches)
            writer.key("connections")
            writer.array { list in for report in selection.reports { list.object { Self.write(report, to: &$0) } } }
        }
    }

    static func write(_ report: ConnectionReport, to writer: inout JSONWriter) {
        writer.member("client_id", report.client)
        writer.member("transport", report.transport)
        writer.member("address", report.address)
        writer.key("age_seconds")
        if let age = report.age { writer.value(age.seconds) } else { writer.null() }
        writer.member("active", report.isActive)
        writer.member("unsent_bytes", report.unsentBytes)
        writer.member("pending_messages", report.pendingMessages)
        writer.member("pending_acks", report.pendingAcknowledgements)
        writer.member("messages_sent", report.messagesSent)
        writer.member("messages_received", report.messagesReceived)
        writer.key("idle_seconds")
        if let idle = report.idle { writer.value(idle.seconds) } else { writer.null() }
        writer.member("event_loop", report.loop)
    }

    /// `GET /mcp/admin/old`: connections that have stood for so long.
    public func oldConnections(hours: Double, limit: Int) async -> [UInt8] {
        var query = ConnectionQuery()
        query.minimumAge = Instant.Span(nanoseconds: Int64(hours * 3600 * 1e9))
        query.limit = limit
        let selection = await select(query)
        return JSONWriter.object { writer in
            writer.member("hours", hours)
            writer.member("matches", selection.matches)
            writer.key("connections")
            writer.array { list in
                for report in selection.reports {
                    list.object { item in
                        item.member("client_id", report.client)
                        item.member("age_hours", (report.age?.seconds ?? 0) / 3600)
                        item.member("transport", report.transport)
                        item.member("address", report.address)
                    }
                }
            }
        }
    }

    /// `GET /mcp/admin/connection-stats`
    public func connectionStatistics() async -> [UInt8] {
        struct Ages: Sendable {
            var total = 0.0
            var count = 0
            var longPolls = 0
        }
        let parts = await walk(Ages()) { member, ages in
            guard let engine = member.connection else { return }
            if engine.transportName == "longpoll" { ages.longPolls += 1 }
            guard engine.handle != nil else { return }
            ages.total += (engine.loop.now - engine.attachedAt).seconds
            ages.count += 1
        }
        let figures = await transportFigures()
        let pools = await upstreamFigures().compactMap(\.pool)
        let count = parts.reduce(0) { $0 + $1.count }
        return JSONWriter.object { writer in
            writer.member("total", figures.reduce(0) { $0 + $1.connections })
            writer.member("by_transport") { writer in
                for transport in Transport.allCases {
                    writer.member(transport.name, figures[Int(transport.rawValue)].connections)
                }
            }
            writer.member("longpoll", parts.reduce(0) { $0 + $1.longPolls })
            writer.member("pool_available", pools.reduce(0) { $0 + $1.available })
            writer.member("pool_overflow", pools.reduce(0) { $0 + $1.overflow })
            writer.member("avg_connection_age", count > 0 ? parts.reduce(0) { $0 + $1.total } / Double(count) : 0)
            writer.member(
                "error_rate",
                Self.errorRate(figures.reduce(into: TrafficCounters.Rates()) { $0.add($1.rates) }))
        }
    }

    /// Errors of the last minute as a part of everything that happened.
    static func errorRate(_ rates: TrafficCounters.Rates) -> Double {
        let all = rates.messagesOfMinute + rates.errors
        return all > 0 ? Double(rates.errors) / Double(all) : 0
    }

    /// `GET /mcp/admin/transports`: how each transport is, and what to do.
    public func transportHealth() async -> [UInt8] {
        let figures = await transportFigures()
        return JSONWriter.object { writer in
            for transport in Transport.allCases {
                let own = figures[Int(transport.rawValue)]
                let advice = TransportAdvice(
                    errors: own.rates.errors, messages: own.rates.messagesOfMinute, connections: own.connections,
                    isOpen: accepts(transport), slowConsumers: own.slowConsumers)
                writer.member(transport.name) { item in
                    item.member("healthy", advice.isHealthy)
                    item.member("active_connections", own.connections)
                    item.member("error_count", own.rates.errors)
                    item.member("error_rate", advice.errorRate)
                    item.member("accepts_connections", accepts(transport))
                    item.member("recommendation", advice.recommendation)
                }
            }
        }
    }

    /// Whether one more connection of a kind would be let in.
    func accepts(_ transport: Transport) -> Bool {
        guard currentPhase == .serving || currentPhase == .leaving, memory.step < .connections else { return false }
        let service: GatewaySettings.Service = transport == .webSocket ? .webSocket : .eventStream
        return admission.connections(service) < settings.maxConnections[service] ?? .max
    }

    // MARK: - Closing

    /// `POST /mcp/admin/cleanup`: closes the connections of clients to and from whom nothing has gone for so long.
    public func cleanUp(idleFor idle: Instant.Span, isDryRun: Bool) async -> [UInt8] {
        let parts = await walk([String]()) { member, names in
            guard let engine = member.connection, let handle = engine.handle,
                handle !== engine.gateway.operations.handle
            else { return }
            let last = handle.session.withLock(\.lastActivity)
            guard engine.loop.now - last >= idle else { return }
            names.append(handle.clientID.text)
            if !isDryRun { member.dismiss("idle: an administrator has cleaned up") }
        }
        let names = parts.flatMap { $0 }
        return JSONWriter.object { writer in
            writer.member("cleaned", isDryRun ? 0 : names.count)
            if isDryRun { writer.member("would_clean", names.count) }
            writer.member("dry_run", isDryRun)
            writer.key("client_ids")
            writer.array { list in for name in names.prefix(100) { list.value(name) } }
        }
    }

    /// `POST /mcp/admin/disconnect/:client_id`: closes all connections of a client.
    /// - Returns: `nil` if it has none.
    public func disconnect(pathPart: String, reason: String) async -> [UInt8]? {
        let name = RequestTarget.decode(pathPart[...])
        let parts = await walk(0) { member, count in
            guard let engine = member.connection, engine.handle?.clientID.text == name else { return }
            member.dismiss(reason)
            count += 1
        }
        let count = parts.reduce(0, +)
        guard count > 0 else { return nil }
        return JSONWriter.object { $0.member("disconnected", count) }
    }
}

/// What an operator is told of a transport (contract §12): unhealthy from 5 % errors in a minute, advice from 10 %.
struct TransportAdvice {
    let errorRate: Double
    let isHealthy: Bool
    let recommendation: String

    /// With fewer than this a rate says nothing.
    private static let minimumEvents = 20

    init(errors: Int, messages: Int, connections: Int, isOpen: Bool, slowConsumers: Int) {
        let events = errors + messages
        errorRate = events > 0 ? Double(errors) / Double(events) : 0
        let isMeaningful = events >= Self.minimumEvents
        isHealthy = isOpen && !(isMeaningful && errorRate >= 0.05)
        if !isOpen {
            recommendation = "It takes no new connections: it is full, memory is short, or the gateway drains."
        } else if isMeaningful, errorRate >= 0.1 {
            recommendation =
                "One event in ten is an error: see the recent errors by client, and whether one client or all are hit."
        } else if !isHealthy {
            recommendation = "More errors than usual: watch it."
        } else if connections > 0, slowConsumers > connections {
            recommendation = "Healthy, but many connections were closed because their clients did not read."
        } else {
            recommendation = "None: it is healthy."
        }
    }
}
