public import GatewayCore
public import WireJSON

/// The report of `GET /mcp/admin/vsm`. Each figure is measured or computed from what was; where there is nothing to compute
/// from it is `null`.
extension ViableSystem {
    /// Writes the members of the report.
    public func write(to writer: inout JSONWriter, now: Instant) {
        writer.member("system", system.write)
        writer.member("beats", beats)
        writer.member("interval_ms", settings.interval.milliseconds)
        writer.member("s1", writeOperations)
        writer.member("s2", writeCoordination)
        writer.member("s3", writeControl)
        writer.member("s3_star", writeAudit)
        writer.member("s4") { writeIntelligence(to: &$0, now: now) }
        writer.member("s5") { writePolicy(to: &$0, now: now) }
        writer.member("algedonic") { writeAlgedonic(to: &$0, now: now) }
    }

    /// What the node reports to the cluster that it is a unit of. Servers behind it are not its own: what they do is seen in
    /// its own work.
    public var system: SystemReport {
        let own = reports.filter { if case .transport = $0.unit { true } else { false } }
        let none = [Int](repeating: 0, count: VarietyCounts.classes)
        let counts = window.report?.counts
        let figures = UnitReport(.system(settings.name), of: own)
        return SystemReport(
            level: .node, figures: figures, mode: mode, pressure: pressure,
            memory: node.memory, sessions: node.sessions, herd: figures.connections,
            variety: (counts?.incoming ?? none, counts?.outgoing ?? none),
            pains: channel.present.map { pain in
                SystemReport.Pain(
                    type: pain.source.pain.rawValue, place: pain.source.place, level: pain.level.name,
                    intensity: pain.intensity)
            })
    }

    private func writeOperations(to writer: inout JSONWriter) {
        writer.member("variety") { Self.write(window.report, length: settings.varietyWindow, to: &$0) }
        writer.key("units")
        writer.array { list in
            for report in reports { list.object { write(report, to: &$0) } }
        }
    }

    private func write(_ report: UnitReport, to writer: inout JSONWriter) {
        report.write(to: &writer)
        guard case .transport = report.unit else { return }
        writer.member("variety") {
            Self.write(variety(of: report.unit), length: settings.varietyWindow, to: &$0)
        }
    }

    private static func write(_ report: VarietyWindow.Report?, length: Instant.Span, to writer: inout JSONWriter) {
        writer.member("distinction", VarietyCounts.distinction)
        writer.member("window_ms", length.milliseconds)
        func side(_ name: String, _ estimate: VarietyEstimate?, samples: Int?) {
            writer.member(name) { writer in
                writer.member("bits", optional: estimate?.bits)
                writer.member("samples", optional: samples.map(Double.init))
                writer.member("states", optional: estimate.map { Double($0.states) })
            }
        }
        side("incoming", report?.incoming, samples: report?.samples.incoming)
        side("outgoing", report?.outgoing, samples: report?.samples.outgoing)
        writer.member("reduction_percent", optional: report?.reduction)
    }

    private func writeCoordination(to writer: inout JSONWriter) {
        writer.member("enabled", settings.coordination.isOn)
        writer.member("returns") { writer in
            writer.member("given", node.returns.given)
            writer.member("spread_ms", node.returns.spread.milliseconds)
            writer.member("rate_per_second", returnRate)
        }
        writer.member("switches") { writer in
            writer.member("to_better", node.switches.better)
            writer.member("to_worse", node.switches.worse)
        }
        writer.member("oscillation_per_hour") { writer in
            writer.member("transports", oscillation.transports.perHour)
            writer.member("shedding", oscillation.shedding.perHour)
            writer.member("mode", oscillation.mode.perHour)
        }
    }

    private func writeControl(to writer: inout JSONWriter) {
        writer.member("pressure", pressure)
        writer.member("shedding", node.shedding.name)
        writer.member("memory") { writer in
            writer.member("used", node.memory.used)
            writer.member("budget", node.memory.budget)
        }
        writer.key("connections")
        writer.array { list in
            for service in node.connections {
                list.object { item in
                    item.member("service", service.service)
                    item.member("open", service.open)
                    item.member("limit", service.limit)
                }
            }
        }
        writer.member("enabled", settings.control.isOn)
        writer.key("budgets")
        writer.array { list in
            for budget in budgets where !budget.standing.isEmpty { list.object { budget.write(to: &$0) } }
        }
        writer.key("loop_utilisation")
        writer.array { list in for index in utilisation.keys.sorted() { list.value(utilisation[index] ?? 0) } }
    }

    private func writeAudit(to writer: inout JSONWriter) {
        writer.member("enabled", settings.isAuditOn)
        writer.member("audits", audit.count)
        writer.key("checks")
        writer.array { list in
            for kind in AuditFindings.Kind.allCases {
                list.object { item in
                    item.member("kind", kind.rawValue)
                    item.member("checked", audit.findings.checked[kind] ?? 0)
                    item.member("differences", audit.findings.differences[kind] ?? 0)
                    item.member("repaired", audit.findings.repaired[kind] ?? 0)
                }
            }
        }
        writer.member("clean", audit.last.isClean)
    }

    private func writeIntelligence(to writer: inout JSONWriter, now: Instant) {
        let metrics = intelligence.metrics
        writer.member("enabled", settings.isIntelligenceOn)
        writer.member("metric_type", "gateway_performance")
        writer.member("active_connections", metrics.activeConnections)
        writer.member("message_rate", metrics.messageRate)
        writer.member("latency_p99", optional: metrics.latency.map { $0.seconds * 1000 })
        writer.member("error_rate", optional: metrics.errorRate)
        writer.member("transport_distribution") { writer in
            for (transport, connections) in metrics.distribution { writer.member(transport, connections) }
        }
        writer.key("forecasts")
        writer.array { list in
            for metric in Metric.allCases { list.object { writeForecast(metric, to: &$0) } }
        }
        writer.member("reconnect_herd") { writer in
            writer.member("clients", optional: intelligence.herd.map { Double($0.clients) })
            writer.member("after_ms", optional: intelligence.herd.map { $0.retry.seconds * 1000 })
            writer.member("drain_seconds", optional: intelligence.herd?.drainSeconds)
        }
        writer.member("connection_surge", intelligence.surges.isSurging)
        writer.member("usual_connections_per_second", optional: intelligence.surges.usual)
        writer.key("anomalies")
        writer.array { list in
            for pattern in Anomaly.Pattern.allCases {
                let episode = intelligence.anomalies.present[pattern]
                list.object { item in
                    item.member("pattern", pattern.rawValue)
                    item.member("present", episode != nil)
                    item.member("connections", episode?.sightings.connections ?? 0)
                    item.member("client_id", episode?.sightings.client)
                    item.member("for_ms", optional: episode.map { (now - $0.since).seconds * 1000 })
                    item.member("connections_so_far", intelligence.anomalies.counted[pattern] ?? 0)
                }
            }
        }
        writer.key("proposals")
        writer.array { list in
            for transport in node.connectionDemand.keys.sorted() {
                list.object { item in
                    item.member("resource", Loan.Resource.connections.rawValue)
                    item.member("unit", transport.name)
                    item.member("expected", optional: intelligence.proposals.expected[transport].map(Double.init))
                    item.member("within_ms", intelligence.proposals.horizon.milliseconds)
                }
            }
        }
        writer.key("capacity")
        writer.array { list in
            for use in intelligence.uses {
                list.object { item in
                    item.member("resource", use.resource.rawValue)
                    item.member("used_percent", use.percent)
                    item.member("threshold", settings.capacity[use.resource])
                    item.member("short", intelligence.watch.short.contains(use.resource))
                }
            }
        }
    }

    private func writeForecast(_ metric: Metric, to writer: inout JSONWriter) {
        let trial = intelligence.trials[metric]
        writer.member("metric", metric.rawValue)
        writer.member("value", optional: trial?.value)
        writer.member("horizon_ms", settings.forecastStep.milliseconds * Int64(settings.forecastHorizon))
        writer.member("used", trial?.isUsed == true)
        writer.member("comparisons", trial?.comparisons ?? 0)
        writer.member("skill", optional: trial?.skill)
        writer.member("forecast", optional: trial?.forecast)
        writer.member(
            "time_to_capacity_ms", optional: intelligence.timeToCapacity(of: metric).map { $0.seconds * 1000 })
    }

    private func writePolicy(to writer: inout JSONWriter, now: Instant) {
        writer.member("enabled", settings.isPolicyOn)
        writer.member("policy_version", policyVersion)
        writer.key("purpose")
        if let purpose = settings.policy.purpose { writer.value(purpose) } else { writer.null() }
        writer.member("rules") { writer in
            writer.member("count", settings.policy.rules.count)
            writer.member("kept", node.ruled.kept)
            writer.member("refused", node.ruled.refused)
            writer.member("kept_connections", node.ruled.connections)
        }
        writer.key("limits")
        writer.array { list in for limit in node.limits { list.object { limit.write(to: &$0) } } }
        writer.member("mode", mode.name)
        writer.member("floor", floor.name)
        writer.member("mode_for_ms", optional: modeSince.map { (now - $0).seconds * 1000 })
        writer.member("decisions", decisions)
        writer.member("time_in_mode_ms") { writer in
            for mode in OperatingMode.allCases { writer.member(mode.name, timeInMode[mode]?.milliseconds ?? 0) }
        }
    }

    private func writeAlgedonic(to writer: inout JSONWriter, now: Instant) {
        let figures = channel.figures
        writer.member("enabled", settings.isAlgedonicOn)
        writer.member("pains", figures.pains)
        writer.member("pleasures", figures.pleasures)
        writer.member("suppressed", figures.suppressed)
        writer.member("episodes", figures.episodes)
        writer.member("settled", figures.settled)
        writer.member("relapses", figures.relapses)
        writer.member("autonomy", optional: figures.autonomy)
        writer.key("present")
        writer.array { list in
            for pain in channel.present {
                list.object { item in
                    item.member("pain_type", pain.source.pain.rawValue)
                    item.member("place", pain.source.place)
                    item.member("level", pain.level.name)
                    item.member("intensity", pain.intensity)
                    item.member("for_ms", (now - pain.since).milliseconds)
                }
            }
        }
        writer.key("recent")
        writer.array { list in
            for (at, signal) in recent {
                list.object { item in
                    item.member("ago_ms", (now - at).milliseconds)
                    signal.write(to: &item)
                }
            }
        }
    }
}

extension AlgedonicSignal {
    /// Writes the members of the signal, in the requirements' form.
    public func write(to writer: inout JSONWriter) {
        writer.member("signal_type", kind.rawValue)
        writer.member("severity", severity.rawValue)
        writer.member("source", "mcp_gateway")
        writer.member("pain_type", source.pain.rawValue)
        writer.member("place", source.place)
        writer.member("level", level.name)
        writer.member("message", message)
        writer.member("intensity", intensity)
        writer.member("deadline_ms", deadline.milliseconds)
        switch kind {
        case .pain:
            writer.member("for_ms", duration.milliseconds)
            writer.member("suggested_action", source.pain.suggestedAction)
        case .pleasure: writer.member("recovery_time_ms", duration.milliseconds)
        }
    }
}

extension JSONWriter {
    /// A number that may not be there.
    mutating func member(_ name: String, optional number: Double?) {
        key(name)
        if let number { value(number) } else { null() }
    }
}
