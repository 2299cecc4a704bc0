import WireJSON

/// What clients, administrators and logs are told of an event.
extension ViableEvent {
    /// What kind of event it is: `event` of its JSON form.
    public var name: String {
        switch self {
        case .signal: "algedonic_signal"
        case .mode: "mode_changed"
        case .capacity: "capacity_alert"
        case .forecast: "forecast_switched"
        case .surge: "connection_surge"
        case .anomaly(let anomaly): anomaly.isPresent ? "anomaly_begun" : "anomaly_over"
        case .proposal(let proposal): proposal.isMade ? "proposal_made" : "proposal_over"
        case .audit: "audit_discrepancy"
        case .loan(let loan): loan.isCalled ? "loan_called" : "loan_settled"
        case .limit(let crossing): crossing.isCrossed ? "limit_reached" : "limit_kept"
        }
    }

    /// Whether the state of the node has changed, so that clients that follow it are told.
    public var isStateChange: Bool {
        switch self {
        case .mode, .signal: true
        case .capacity, .forecast, .surge, .anomaly, .proposal, .audit, .loan, .limit: false
        }
    }

    /// The JSON form.
    public var json: [UInt8] {
        JSONWriter.object { writer in
            writer.member("event", name)
            switch self {
            case .signal(let signal): signal.write(to: &writer)
            case .mode(let change):
                writer.member("mode", change.to.name)
                writer.member("previous", change.from.name)
                writer.member("floor", change.floor.name)
                writer.member("pressure", change.pressure)
                writer.key("time_to_capacity_ms")
                if let time = change.timeToCapacity { writer.value(time.milliseconds) } else { writer.null() }
            case .capacity(let alert):
                writer.member("resource", alert.resource.rawValue)
                writer.member("raised", alert.isRaised)
                writer.member("used_percent", alert.used)
                writer.member("threshold", alert.threshold)
            case .forecast(let metric, let isUsed):
                writer.member("metric", metric.rawValue)
                writer.member("used", isUsed)
            case .surge(let rate, let usual):
                writer.member("connections_per_second", rate)
                writer.member("usual", usual)
            case .anomaly(let anomaly):
                writer.member("pattern", anomaly.pattern.rawValue)
                writer.member("connections", anomaly.sightings.connections)
                writer.member("client_id", anomaly.sightings.client)
            case .proposal(let proposal):
                writer.member("resource", proposal.resource.rawValue)
                writer.member("unit", proposal.unit)
                writer.member("expected", proposal.expected)
                writer.member("within_ms", proposal.within.milliseconds)
            case .audit(let findings):
                writer.member("differences") { writer in
                    for kind in AuditFindings.Kind.allCases {
                        if let count = findings.differences[kind] { writer.member(kind.rawValue, count) }
                    }
                }
                writer.member("repaired", findings.repaired.values.reduce(0, +))
            case .limit(let crossing):
                writer.member("subject", crossing.subject)
                writer.member("refused", crossing.refused)
            case .loan(let loan):
                writer.member("resource", loan.resource.rawValue)
                writer.member("unit", loan.unit)
                writer.member("borrowed", loan.amount)
                writer.member(loan.isCalled ? "deadline_ms" : "took_ms", loan.time.milliseconds)
            }
        }
    }
}

extension PolicyLimit.Figures {
    /// The form of a limit in `GET /mcp/admin/vsm`; a bound that there is not is `null`.
    func write(to writer: inout JSONWriter) {
        writer.member("subject", subject)
        writer.member("connections", open)
        writer.member("max_connections", optional: connections.map(Double.init))
        writer.member("max_rate", optional: rate)
        writer.member("refused_connections", refusedConnections)
        writer.member("refused_messages", refusedMessages)
    }
}
