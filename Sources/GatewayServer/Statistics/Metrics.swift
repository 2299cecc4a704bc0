import GatewayCore

/// The figures that Prometheus reads (contract §7, `GET /metrics`). Gathered from the event loops when they are asked for;
/// nothing is kept for it per connection, and no label has more values than there are transports or event loops.
extension Gateway {
    /// - Returns: the text format, version 0.0.4.
    public func metrics() async -> [UInt8] {
        let loops = await collect { ($0.counters, $0.lag, $0.closes, $0.delays) }
        let queued = await queues.bytes(of: self)
        let upstreams = await upstreamFigures()
        var sums = [TrafficCounters](repeating: TrafficCounters(), count: Transport.allCases.count)
        for (counters, _, _, _) in loops { for index in sums.indices { sums[index].add(counters[index]) } }
        var text = MetricsText()
        writeTraffic(sums, to: &text)
        writeAcknowledgements(sums, to: &text)
        writeEnds(loops.map(\.2), sums, to: &text)
        write(upstreams, to: &text)
        text.begin("mcp_gateway_queued_bytes", .gauge, "Bytes that wait for connections that read slowly.")
        for transport in Transport.allCases {
            text.add(queued[Int(transport.rawValue)], ["transport": transport.name])
        }
        writeState(loops.map(\.1), to: &text)
        text.begin(
            "mcp_gateway_event_loop_delay_seconds", .histogram, "How late the turns of each event loop were.")
        for (index, loop) in loops.enumerated() {
            text.add(loop.3, ["loop": "\(index)"], buckets: Self.latencyBuckets)
        }
        accessGuard.write(to: &text)
        threats.write(to: &text)
        if let report = storage?.report { write(report, to: &text) }
        gatekeeper.write(to: &text)
        if settings.isViabilityOn { writeViability(to: &text) }
        for write in moreMetrics.withLock({ $0 }) { write(&text) }
        writeProcess(to: &text)
        return text.bytes
    }

    /// Adds families to the metrics.
    /// - Parameter write: writes them; called on any thread, whenever somebody asks.
    public func addMetrics(_ write: @escaping @Sendable (inout MetricsText) -> Void) {
        moreMetrics.withLock { $0.append(write) }
    }

    private func writeTraffic(_ sums: [TrafficCounters], to text: inout MetricsText) {
        func family(
            _ name: String, _ kind: MetricsText.Kind, _ help: String, _ value: KeyPath<TrafficCounters, Int>
        ) {
            text.begin("mcp_gateway_" + name, kind, help)
            for transport in Transport.allCases {
                text.add(sums[Int(transport.rawValue)][keyPath: value], ["transport": transport.name])
            }
        }
        family("connections", .gauge, "Open connections.", \.connections)
        family("messages_sent_total", .counter, "Messages handed to the kernel.", \.messagesOut)
        family("messages_received_total", .counter, "Pushes of clients, joins and leaves included.", \.messagesIn)
        family("received_bytes_total", .counter, "Bytes that came over streams and sockets.", \.bytesIn)
        family(
            "rate_limited_total", .counter, "Messages refused because their sender sends too fast.", \.rateLimited)
        family("sent_bytes_total", .counter, "Bytes of messages handed to the kernel.", \.bytesOut)
        family(
            "messages_dropped_total", .counter, "Messages that clients were told of as missing (gap).",
            \.messagesDropped)
        text.begin(
            "mcp_gateway_messages_missing_total", .counter, "Messages that clients were told of as missing, and why.")
        for transport in Transport.allCases {
            for reason in GapReason.allCases {
                text.add(
                    sums[Int(transport.rawValue)].missing(reason),
                    ["transport": transport.name, "reason": reason.rawValue])
            }
        }
        family("slow_consumers_total", .counter, "Connections closed because they did not read.", \.slowConsumers)
        family("connection_errors_total", .counter, "Connections that broke a rule or fell silent.", \.errors)
        text.begin(
            "mcp_gateway_delivery_seconds", .histogram,
            "From accepting a message to handing it to the kernel; waiting for an absent client does not count.")
        for transport in Transport.allCases {
            text.add(
                sums[Int(transport.rawValue)].latencies, ["transport": transport.name], buckets: Self.latencyBuckets)
        }
    }

    /// From accepting messages to their acknowledgements.
    private func writeAcknowledgements(_ sums: [TrafficCounters], to text: inout MetricsText) {
        text.begin(
            "mcp_gateway_acknowledgement_seconds", .histogram,
            "From accepting a message to its client's acknowledgement; waiting for an absent client does not count.")
        for transport in Transport.allCases where transport == .webSocket {
            text.add(
                sums[Int(transport.rawValue)].acknowledgements, ["transport": transport.name],
                buckets: Self.latencyBuckets)
        }
    }

    /// 16 µs to 17 s.
    private static let latencyBuckets = 4...24

    private func writeState(_ lags: [Instant.Span], to text: inout MetricsText) {
        text.begin("mcp_gateway_ready", .gauge, "1 while the gateway accepts clients.")
        text.add(currentPhase == .serving ? 1 : 0)
        text.begin("mcp_gateway_sessions", .gauge, "Sessions, of connected clients and of others that may come back.")
        text.add(directory.sessionCount)
        text.begin("mcp_gateway_topics", .gauge, "Topics that have subscribers.")
        text.add(topics.topicCount)
        let retained = topics.retained.figures
        text.begin("mcp_gateway_retained_topics", .gauge, "Topics whose last message is kept.")
        text.add(retained.topics)
        text.begin("mcp_gateway_retained_bytes", .gauge, "Bytes of those messages.")
        text.add(retained.bytes)
        text.begin("mcp_gateway_memory_budget_bytes", .gauge, "Bytes that the process is to do with.")
        text.add(memory.budget)
        text.begin("mcp_gateway_memory_shedding", .gauge, "Steps of what is given up for memory, 0 to 5.")
        text.add(Int(memory.step.rawValue))
        text.begin("mcp_gateway_event_loop_lag_seconds", .gauge, "How late the last turn of each event loop was.")
        for (index, lag) in lags.enumerated() { text.add(lag.seconds, ["loop": "\(index)"]) }
    }

    private func write(_ report: MessageStorage.Report, to text: inout MetricsText) {
        text.begin("mcp_gateway_storage_up", .gauge, "0 while the store refuses what is written.")
        text.add(report.failure == nil ? 1 : 0)
        text.begin("mcp_gateway_storage_bytes", .gauge, "Bytes of the store's files.")
        text.add(report.size)
        text.begin("mcp_gateway_storage_queued", .gauge, "Messages that wait to be stored.")
        text.add(report.queued)
        text.begin("mcp_gateway_storage_commits_total", .counter, "Transactions.")
        text.add(report.figures.commits)
        text.begin("mcp_gateway_storage_messages_total", .counter, "Messages stored.")
        text.add(report.figures.messages)
        text.begin("mcp_gateway_storage_refused_total", .counter, "Messages refused because they could not be stored.")
        text.add(report.figures.refused)
    }

    private func writeProcess(to text: inout MetricsText) {
        let process = ProcessFigures()
        text.begin("process_cpu_seconds_total", .counter, "Processor time of the process.")
        text.add(process.processorSeconds)
        if let bytes = process.residentBytes {
            text.begin("process_resident_memory_bytes", .gauge, "Memory of the process.")
            text.add(bytes)
        }
        if let descriptors = process.openDescriptors {
            text.begin("process_open_fds", .gauge, "Open descriptors of the process.")
            text.add(descriptors)
        }
        text.begin("process_max_fds", .gauge, "Descriptors that the process may open.")
        text.add(process.maxDescriptors)
        text.begin("process_start_time_seconds", .gauge, "When the gateway started, in seconds since 1970.")
        text.add(Double(Clock.wall.milliseconds) / 1000 - (Clock.now - startedAt).seconds)
    }
}
