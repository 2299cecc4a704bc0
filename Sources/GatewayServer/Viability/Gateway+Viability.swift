import GatewayCore
import GatewayViability
import Logging
import NIOCore
import NIOPosix
import WireJSON

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The beat: once a second the event loops are asked for their counters, and what the viable system makes of them is
/// carried out and told. No message knows of it.
extension Gateway {
    /// Keeps the beat until it is cancelled.
    func startViability() -> Task<Void, Never> {
        let interval = Duration.nanoseconds(settings.viability.interval.nanoseconds)
        let audits = max(1, settings.viability.auditInterval.nanoseconds / settings.viability.interval.nanoseconds)
        return Task { [weak self] in
            var beats: Int64 = 0
            while (try? await Task.sleep(for: interval)) != nil {
                guard let self else { return }
                beats += 1
                await beat()
                if settings.viability.isAuditOn, beats % audits == 0 { await audit() }
            }
        }
    }

    /// One beat.
    func beat() async {
        let asked = Clock.now
        let samples = await collect { $0.viabilitySample(since: asked) }
        let upstream = await upstreamUnits()
        let units = samples.flatMap(\.units) + upstream
        var node = nodeSample(units)
        node.heldBytes = await heldBytes()
        let sample = node
        let events = viability.withSystem { system in
            system.beat(units: units, loops: samples.map(\.loop), node: sample, now: Clock.now)
        }
        let (floor, returnRate, shares, standings) = viability.withSystem { system in
            (system.floor, system.returnRate, system.connectionGrants, system.memory?.standings ?? [:])
        }
        memory.stand(standings)
        admission.grant(shares.granted, of: node.connectionCapacity)
        memory.require(atLeast: floor)
        grantEgress()
        await shareAmongServers()
        holdRules()
        if currentPhase == .serving { admission.returns(at: returnRate) }
        carry(out: events)
        for (transport, count) in shares.recalled { await takeBack(count, of: transport) }
        viability.tellReports()
    }

    /// Lets messages and connections be looked up in the rules that speak of the present mode, and in the limits.
    func holdRules() {
        guard settings.isViabilityOn else { return }
        let (table, limits) = viability.withSystem { ($0.rules, $0.limits) }
        guard policyGate.hold(table, limits) else { return }
        let view = policyGate.view
        for index in 0..<loopCount { onLoop(index) { $0.context.policy = view } }
    }

    /// Carries out what the viable system has decided, and tells whom it concerns.
    func carry(out events: [ViableEvent]) {
        for event in events { log(event) }
        guard viability.tell(events) else { return }
        for index in 0..<loopCount {
            onLoop(index) { loop in
                loop.begin()
                loop.forEachMember { member in
                    if member.connection?.viabilitySeen != nil { loop.context.wakes.insert(member.id) }
                }
                loop.dispatchWakes(except: nil)
            }
        }
    }

    private func log(_ event: ViableEvent) {
        let level: Logger.Level =
            switch event {
            case .signal(let signal) where signal.kind == .pain: signal.level == .operator ? .error : .warning
            case .mode(let change) where change.to > change.from: .warning
            case .capacity(let alert) where alert.isRaised: .warning
            case .audit: .error
            case .surge, .loan, .anomaly, .proposal: .notice
            case .limit(let crossing): crossing.isCrossed ? .warning : .notice
            default: .info
            }
        logger.log(
            level: level, "viability: \(event.name)",
            metadata: ["event": "\(String(decoding: event.json, as: UTF8.self))"])
    }

    /// The servers behind the gateway.
    private func upstreamUnits() async -> [UnitSample] {
        var units: [String: UnitSample] = [:]
        for source in upstreams.withLock({ $0 }) {
            for figures in await source() {
                var unit = units[figures.server] ?? UnitSample(unit: .upstream(figures.server))
                unit.delivered += figures.calls - figures.failures
                unit.errors += figures.failures
                unit.latencies.add(figures.latencies)
                // Of the server as a whole, and so the same for all of its replicas.
                unit.limit = figures.limit
                unit.connections = figures.limit?.inFlight ?? 0
                units[figures.server] = unit
            }
        }
        return units.values.sorted { $0.unit.name < $1.unit.name }
    }

    private func nodeSample(_ units: [UnitSample]) -> NodeSample {
        var node = NodeSample()
        node.memory = (memory.figures.used, memory.budget)
        node.connections = [GatewaySettings.Service.http, .eventStream, .webSocket].map { service in
            (service.rawValue, admission.open(service), admission.limit(service))
        }
        admission.ask(&node, settings)
        for shared in serverShares.withLock({ $0 }) { shared.share.ask(&node) }
        node.opened = admission.admitted
        node.shedding = memory.step
        node.sessions = directory.sessionCount
        node.processorSeconds = ProcessFigures.processorSeconds
        node.processors = System.coreCount
        node.isStorageFailing = storage?.report.failure != nil
        node.switches = (
            switches.better.load(ordering: .relaxed), switches.worse.load(ordering: .relaxed)
        )
        node.returns = admission.returnFigures
        let ruled = policyGate.figures
        node.ruled = (ruled.kept, ruled.refused, memory.connectionsKept)
        node.limits = policyGate.limits
        node.retry = settings.retry
        node.drainRate = drainSettings.withLock(\.rate)
        return node
    }

    // MARK: - Reports

    /// The report of the viable system (`GET /mcp/admin/vsm`).
    public func viabilityReport() -> [UInt8] {
        JSONWriter.object { writer in
            writer.member("level", "node")
            writer.member("node", settings.nodeID)
            writer.member("enabled", settings.isViabilityOn)
            viability.withSystem { $0.write(to: &writer, now: Clock.now) }
        }
    }

    /// The families of the viable system.
    func writeViability(to text: inout MetricsText) {
        let (mode, figures, audits, reports, variety) = viability.withSystem { system in
            (system.mode, system.algedonicFigures, system.auditFigures, system.lastReports, system.varietyBits)
        }
        let anomalies = viability.withSystem(\.anomaliesSoFar)
        text.begin("mcp_gateway_mode", .gauge, "Mode that the node lives by: 0 normal, 1 conserve, 2 survive.")
        text.add(Int(mode.rawValue))
        text.begin("mcp_gateway_algedonic_signals_total", .counter, "Signals of pain and of relief that were sent.")
        text.add(figures.pains, ["signal": "pain"])
        text.add(figures.pleasures, ["signal": "pleasure"])
        text.begin("mcp_gateway_algedonic_suppressed_total", .counter, "Beats of pain that everybody knew of already.")
        text.add(figures.suppressed)
        text.begin("mcp_gateway_audits_total", .counter, "Audits past the reports of the units.")
        text.add(audits.count)
        text.begin("mcp_gateway_audit_differences_total", .counter, "What audits found to differ from the reports.")
        for kind in AuditFindings.Kind.allCases {
            text.add(audits.findings.differences[kind] ?? 0, ["kind": kind.rawValue])
        }
        writeBudgets(to: &text)
        writePolicyLimits(to: &text)
        text.begin("mcp_gateway_unit_productivity", .gauge, "What a unit does, as a share of what it could do now.")
        for report in reports {
            if let productivity = report.productivity { text.add(productivity, ["unit": report.unit.name]) }
        }
        text.begin("mcp_gateway_anomalies_total", .counter, "Connections of clients that began in an odd way.")
        for pattern in Anomaly.Pattern.allCases { text.add(anomalies[pattern] ?? 0, ["pattern": pattern.rawValue]) }
        text.begin("mcp_gateway_variety_bits", .gauge, "Entropy of clients' messages, before and behind admission.")
        for (side, bits) in [("incoming", variety.incoming), ("outgoing", variety.outgoing)] {
            if let bits { text.add(bits, ["side": side, "distinction": VarietyCounts.distinction]) }
        }
    }

    private func writePolicyLimits(to text: inout MetricsText) {
        let limits = policyGate.limits
        guard !limits.isEmpty else { return }
        text.begin("mcp_gateway_policy_limit_connections", .gauge, "Connections that count in a limit of the policy.")
        for limit in limits { text.add(limit.open, ["subject": limit.subject]) }
        text.begin("mcp_gateway_policy_limit_refused_total", .counter, "What limits of the policy have refused.")
        for limit in limits {
            text.add(limit.refusedConnections, ["subject": limit.subject, "kind": "connections"])
            text.add(limit.refusedMessages, ["subject": limit.subject, "kind": "messages"])
        }
    }
}

extension LoopState {
    /// What this event loop and the units on it have counted.
    /// - Parameter asked: when the question was put.
    fileprivate func viabilitySample(since asked: Instant) -> (loop: LoopSample, units: [UnitSample]) {
        var sample = LoopSample(index: index)
        sample.lag = max(lag, Clock.now - asked)
        sample.processorTime = Clock.threadTime
        swap(&sample.anomalies, &anomalies)
        let units = Transport.allCases.map { transport in
            let counted = counters[Int(transport.rawValue)]
            var unit = UnitSample(unit: .transport(transport, loop: index))
            unit.connections = counted.connections
            unit.received = counted.messagesIn
            unit.delivered = counted.messagesOut
            unit.deliveredBytes = counted.bytesOut
            unit.errors = counted.errors
            unit.dropped = counted.messagesDropped
            unit.slowConsumers = counted.slowConsumers
            unit.latencies = counted.latencies
            let sent = egress.figures(transport)
            unit.egress = .init(sent: sent.sent, heldBack: sent.heldBack, isWaiting: sent.isWaiting)
            let traffic = variety[Int(transport.rawValue)]
            unit.arrivals = traffic.arrivals
            unit.accepted = traffic.accepted
            return unit
        }
        return (sample, units)
    }
}
