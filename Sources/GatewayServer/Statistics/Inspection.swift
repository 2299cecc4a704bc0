import GatewayCore
public import WireJSON

/// What the gateway tells of itself. Everything is measured when it is asked for.
extension Gateway {
    /// One client's state (contract §7, `GET /mcp/health/:client_id`).
    /// - Parameter pathPart: the client id as it stands in a path.
    /// - Returns: the JSON form; `nil` if nobody knows the client.
    public func clientHealth(pathPart: String) async -> [UInt8]? {
        guard let id = ClientID(RequestTarget.decode(pathPart[...])) else { return nil }
        // Those whom only the storage knows are known.
        await restore([id])
        guard let handle = directory.find(id) else { return nil }
        let now = Clock.now
        let wall = Clock.wall
        return handle.session.withLock { session in
            JSONWriter.object { writer in
                writer.member("client_id", id.text)
                writer.member("connected", session.hasConnections)
                writer.member("transport", session.activeTransport?.name ?? session.transports.first?.name)
                writer.key("transports")
                writer.array { writer in session.transports.forEach { writer.value($0.name) } }
                writer.key("connection_age")
                if let since = session.connectedSince { writer.value((now - since).seconds) } else { writer.null() }
                writer.member("messages_sent", session.messagesSent)
                writer.member("messages_received", session.messagesReceived)
                let idle = (now - session.lastActivity).milliseconds
                writer.member("last_activity", Timestamp(milliseconds: wall.milliseconds - idle).text)
                writer.member("pending_acks", session.pendingAcknowledgements)
                writer.member("backpressure", session.backpressure.rawValue)
                writer.member("epoch", session.epoch.description)
                writer.member("sequence", session.nextSequence - 1)
                writer.member("stored_messages", session.storedMessages)
                writer.member("stored_bytes", session.storedBytes)
                writer.key("topics")
                writer.array { writer in session.subscriptions.forEach { writer.value($0.topic) } }
            }
        }
    }

    /// Figures of one transport, summed over all event loops.
    struct TransportFigures: Sendable {
        var connections = 0
        var messagesOut = 0
        var messagesIn = 0
        var bytesOut = 0
        var slowConsumers = 0
        var messagesDropped = 0
        var bytesIn = 0
        var latencies = LatencyHistogram()
        var rates = TrafficCounters.Rates()

        mutating func add(_ counters: TrafficCounters, now: Instant) {
            connections += counters.connections
            messagesOut += counters.messagesOut
            messagesIn += counters.messagesIn
            bytesOut += counters.bytesOut
            slowConsumers += counters.slowConsumers
            messagesDropped += counters.messagesDropped
            bytesIn += counters.bytesIn
            latencies.add(counters.latencies)
            rates.add(counters.rates(now: now))
        }

        func write(to writer: inout JSONWriter) {
            writer.member("connections", connections)
            writer.member("messages_per_second", Double(rates.messages) / 10)
            writer.member(
                "avg_latency_ms",
                rates.messages > 0 ? Double(rates.latencyNanoseconds) / Double(rates.messages) / 1e6 : 0)
            writer.member("errors_per_minute", rates.errors)
            writer.member("messages_sent", messagesOut)
            writer.member("messages_received", messagesIn)
            writer.member("bytes_sent", bytesOut)
            writer.member("bytes_received", bytesIn)
            writer.member("slow_consumers", slowConsumers)
            writer.member("messages_dropped", messagesDropped)
        }
    }

    /// The state of all transports (contract §7, `GET /mcp/stats`). Parts of the contract whose mechanism is not built
    /// yet are absent.
    public func statistics() async -> [UInt8] {
        let figures = await transportFigures()
        return JSONWriter.object { writer in
            for transport in Transport.allCases {
                writer.member(transport.name) { figures[Int(transport.rawValue)].write(to: &$0) }
            }
            writer.member("sessions", directory.sessionCount)
            writer.member("topics", topics.topicCount)
            let retained = topics.retained.figures
            writer.member("retained") { writer in
                writer.member("topics", retained.topics)
                writer.member("bytes", retained.bytes)
                writer.member("evicted", topics.retained.evicted.load(ordering: .relaxed))
            }
            let memoryFigures = memory.figures
            writer.member("memory") { writer in
                writer.member("used", memoryFigures.used)
                writer.member("budget", memory.budget)
                writer.member("shedding", memory.step.name)
                writer.member("refused_connections", memoryFigures.connections)
                writer.member("refused_messages", memoryFigures.messages)
            }
            let present = presence.figures
            writer.member("presence") { writer in
                writer.member("topics", present.topics)
                writer.member("members", present.members)
                writer.member("unlisted", presence.unlisted.load(ordering: .relaxed))
            }
            if settings.isViabilityOn { writer.member("vsm") { viability.writeSummary(to: &$0) } }
            for (name, write) in moreStatistics.withLock({ $0 }) { writer.member(name) { write(&$0) } }
            writer.member("uptime_seconds", (Clock.now - startedAt).seconds)
            writer.member("node", settings.nodeID)
        }
    }

    /// Adds an object to the statistics.
    /// - Parameter write: writes its members; called on any thread, whenever somebody asks.
    public func addStatistics(_ name: String, _ write: @escaping @Sendable (inout JSONWriter) -> Void) {
        moreStatistics.withLock { $0.append((name, write)) }
    }

    /// The state of the process in detail (`GET /health/gateway`).
    public func gatewayHealth() async -> (isReady: Bool, json: [UInt8]) {
        let figures = await transportFigures()
        let lags = await collect { $0.lag.milliseconds }
        let isReady = currentPhase == .serving
        let json = JSONWriter.object { writer in
            writer.member("status", isReady ? "ok" : "draining")
            writer.member("ready", isReady)
            if let drainProgress {
                writer.member("drain") { writer in
                    writer.member("stage", drainProgress.stage.rawValue)
                    writer.member("connections", drainProgress.connections)
                    writer.member("calls", drainProgress.calls)
                }
            }
            writer.member("node", settings.nodeID)
            writer.member("uptime_seconds", (Clock.now - startedAt).seconds)
            writer.member("event_loops") { writer in
                writer.member("count", loopCount)
                writer.member("max_lag_ms", lags.max() ?? 0)
            }
            writer.member("transports") { writer in
                for transport in Transport.allCases {
                    let service: GatewaySettings.Service = transport == .webSocket ? .webSocket : .eventStream
                    writer.member(transport.name) { writer in
                        writer.member("connections", figures[Int(transport.rawValue)].connections)
                        writer.member("max_connections", settings.maxConnections[service] ?? 0)
                        writer.member("errors_per_minute", figures[Int(transport.rawValue)].rates.errors)
                    }
                }
            }
            writer.member("sessions") { writer in
                writer.member("count", directory.sessionCount)
                writer.member("max", settings.maxSessions)
            }
            writer.member("storage") { write(storage?.report, to: &$0) }
        }
        return (isReady, json)
    }

    private func write(_ report: MessageStorage.Report?, to writer: inout JSONWriter) {
        writer.member("engine", report?.engine ?? "memory")
        guard let report else { return }
        writer.member("status", report.failure == nil ? "ok" : "failing")
        writer.member("reason", report.failure?.description)
        writer.member("bytes", report.size)
        writer.member("queued", report.queued)
        writer.member("commits", report.figures.commits)
        writer.member("messages", report.figures.messages)
        writer.member("refused", report.figures.refused)
        writer.member("damaged_messages", report.figures.damaged)
        writer.member("set_aside", report.figures.setAside)
    }

    func transportFigures() async -> [TransportFigures] {
        let now = Clock.now
        var sums = [TransportFigures](repeating: TransportFigures(), count: Transport.allCases.count)
        for counters in await collect({ $0.counters }) {
            for index in sums.indices { sums[index].add(counters[index], now: now) }
        }
        return sums
    }
}
