import GatewayCore

@testable import GatewayViability

/// Two courses of a node that differ in one respect, and the fields of the report that must tell them apart. What both have in
/// common, the time that passes above all, moves nothing.
struct ReportMover: Sendable {
    typealias Course = @Sendable (_ node: inout Node, _ beat: Int) -> Void

    /// What differs between the two.
    let name: String
    /// The fields that this moves: `s1.units[].connections`.
    let fields: [String]
    var beats = 2
    /// How many beats the other course has; as many where it is not said.
    var otherBeats: Int?
    /// What both are told at the beginning, and what only the second is.
    var common: @Sendable (inout ViabilitySettings) -> Void = { _ in }
    var different: @Sendable (inout ViabilitySettings) -> Void = { _ in }
    /// What happens before each beat.
    var calm: Course = { _, _ in }
    var moved: Course = { _, _ in }

    /// The two reports.
    func reports() throws -> (calm: [String: Any], moved: [String: Any]) {
        var settings = ViabilitySettings()
        common(&settings)
        let calm = try report(Node(settings), beats: beats, self.calm)
        different(&settings)
        return (calm, try report(Node(settings), beats: otherBeats ?? beats, moved))
    }

    private func report(_ start: Node, beats: Int, _ course: Course) throws -> [String: Any] {
        var node = start
        for beat in 0..<beats {
            course(&node, beat)
            _ = node.beat()
        }
        return try node.report()
    }

    private static func prefixed(_ prefix: String, _ names: String) -> [String] {
        names.split(separator: " ").map { prefix + $0 }
    }
}

/// Which figure is moved by what.
extension ReportMover {
    static let all = operations + control + audits + intelligence + policy + pain

    private static let operations = [
        ReportMover(
            name: "sessions", fields: ["system.sessions"], moved: { node, _ in node.node.sessions = 9 }),
        ReportMover(name: "time", fields: ["beats"], otherBeats: 3),
        ReportMover(
            name: "another interval", fields: ["interval_ms"], different: { $0.interval = .milliseconds(500) }),
        ReportMover(
            name: "connections", fields: ["s1.units[].connections", "system.connections", "system.herd"],
            moved: { node, _ in node.units[0].connections = 4 }
        ),
        ReportMover(
            name: "work of a unit",
            fields: prefixed(
                "s1.units[].",
                "arrivals_per_second accepted_per_second received_per_second delivered_per_second "
                    + "delivered_bytes_per_second errors_per_second latency_p99_ms "
                    + "actuality capability potentiality productivity latency performance")
                + prefixed(
                    "system.",
                    "arrivals_per_second accepted_per_second received_per_second delivered_per_second "
                        + "delivered_bytes_per_second errors_per_second "
                        + "latency_p99_ms actuality capability potentiality productivity latency performance")
                + ["s3.loop_utilisation[]"],
            moved: { node, beat in
                guard beat == 1 else { return }
                node.units[0].received += 10
                node.units[0].delivered += 100
                node.units[0].arrivals.add(bytes: 10)
                node.units[0].accepted.add(bytes: 10)
                node.units[0].deliveredBytes += 1000
                node.units[0].errors += 1
                node.units[0].latencies.add(.milliseconds(1))
                node.loop.processorTime = .milliseconds(250)
            }),
        ReportMover(
            name: "messages of several sizes, some of them refused",
            fields: ["s1.variety.", "s1.units[].variety."].flatMap {
                prefixed(
                    $0,
                    "incoming.bits incoming.samples incoming.states outgoing.bits outgoing.samples outgoing.states "
                        + "reduction_percent")
            } + prefixed("system.variety.", "incoming.bits incoming.counts[] outgoing.bits outgoing.counts[]"),
            beats: 4, common: { $0.varietyWindow = .seconds(2) },
            moved: { node, beat in
                guard beat == 1 else { return }
                for bytes in [10, 100, 1000, 10_000] {
                    for _ in 0..<50 {
                        node.units[0].arrivals.add(bytes: bytes)
                        if bytes < 1000 { node.units[0].accepted.add(bytes: bytes) }
                    }
                }
            }),
        ReportMover(
            name: "calls of a server with a limit",
            fields: prefixed(
                "s1.units[].limit.", "limit in_flight waiting refused round_trip_ms unloaded_round_trip_ms"),
            calm: { node, _ in node.units[0].limit = ConcurrencyGate.Figures(limit: 4, isLearned: true) },
            moved: { node, _ in
                var limit = ConcurrencyGate.Figures(
                    limit: 8, inFlight: 7, waiting: 2, roundTrip: .milliseconds(40),
                    unloadedRoundTrip: .milliseconds(30), isLearned: true)
                limit.refused = 3
                node.units[0].limit = limit
            }),
        ReportMover(
            name: "another window of variety",
            fields: ["s1.variety.window_ms", "s1.units[].variety.window_ms"],
            different: { $0.varietyWindow = .seconds(30) }),
    ]

    private static let control = [
        ReportMover(
            name: "coordination switched off", fields: ["s2.enabled"], different: { $0.coordination.isOn = false }),
        ReportMover(
            name: "clients that are let in and sent away",
            fields: prefixed("s2.returns.", "given spread_ms rate_per_second"),
            moved: { node, beat in
                guard beat == 1 else { return }
                node.node.opened += 100
                node.node.returns = (40, .seconds(4))
            }),
        ReportMover(
            name: "clients that change their transport to and fro",
            fields: prefixed("s2.", "switches.to_better switches.to_worse oscillation_per_hour.transports"), beats: 6,
            moved: { node, beat in
                if beat % 2 == 0 { node.node.switches.better += 3 } else { node.node.switches.worse += 2 }
            }),
        ReportMover(
            name: "shedding that comes and goes", fields: ["s2.oscillation_per_hour.shedding"], beats: 6,
            moved: { node, beat in node.node.shedding = beat % 2 == 0 ? .lowPriority : .none }),
        ReportMover(
            name: "shedding", fields: ["s3.shedding"], moved: { node, _ in node.node.shedding = .lowPriority }),
        ReportMover(
            name: "late event loops", fields: ["s3.pressure", "system.pressure"],
            moved: { node, _ in node.loop.lag = .milliseconds(20) }),
        ReportMover(
            name: "memory", fields: prefixed("s3.memory.", "used budget") + prefixed("system.memory.", "used budget"),
            moved: { node, _ in node.node.memory = (200, 2000) }),
        ReportMover(
            name: "a service's connections", fields: ["s3.connections[].open", "s3.connections[].limit"],
            moved: { node, _ in node.node.connections[0] = ("http_sse", 5, 50) }),
        ReportMover(name: "control switched off", fields: ["s3.enabled"], different: { $0.control.isOn = false }),
        ReportMover(
            name: "more places to share", fields: ["s3.budgets[].capacity", "s3.budgets[].units[].floor"],
            moved: { node, _ in node.node.connectionCapacity = 200 }),
        ReportMover(
            name: "memory that one transport holds and others miss",
            fields: ["s3.budgets[].units[].over"],
            calm: { node, _ in node.node.heldBytes = [.webSocket: 10, .eventStream: 10] },
            moved: { node, _ in
                node.node.memory = (850, 1000)
                node.node.heldBytes = [.webSocket: 700, .eventStream: 10]
            }),
        ReportMover(
            name: "bytes that one transport sends while the other was held back",
            fields: ["s3.budgets[].units[].held_back"], beats: 4,
            common: { $0.control.egress = 1000 },
            moved: { node, beat in
                node.units[0].egress.sent += 800
                node.units[1].egress.heldBack += beat / 2
            }),
        ReportMover(
            name: "a crowd on one transport while the other misses what it has lent",
            fields: prefixed("s3.budgets[].", "recalls_called recalls_settled")
                + prefixed("s3.budgets[].units[].", "asked granted used lent borrowed recalled refused"),
            beats: 6, otherBeats: 6, common: { $0.control.reclaimTime = .seconds(2) },
            moved: { node, beat in
                node.node.connectionDemand[.webSocket] = ConnectionBargain.Demand(
                    used: beat == 5 ? 80 : 95, admitted: 95)
                node.node.connectionDemand[.eventStream] = ConnectionBargain.Demand(
                    used: 5, admitted: 5, refused: beat > 1 ? 40 : 0)
                // The first crowd gives way, and another one comes.
                if beat == 3 { node.node.connectionDemand[.webSocket]?.used = 50 }
                if beat == 5 { node.node.connectionDemand[.webSocket]?.used = 95 }
            }),
        ReportMover(
            name: "a crowd at one server while another misses processes that it has lent",
            fields: prefixed("s3.budgets[].", "capacity recalls_called recalls_settled")
                + prefixed("s3.budgets[].units[].", "floor asked granted used lent borrowed recalled refused"),
            beats: 5, common: { $0.control.reclaimTime = .seconds(2) },
            calm: { node, _ in
                node.node.serverDemands[.processes] = ServerDemand(
                    capacity: 20, ["files": .init(used: 0), "mail": .init(used: 0)])
            },
            moved: { node, beat in
                node.node.serverDemands[.processes] = ServerDemand(
                    capacity: 30,
                    [
                        "files": .init(used: [25, 25, 15, 25, 25][beat], admitted: 25),
                        "mail": .init(used: 5, admitted: 5, refused: beat > 2 ? 30 : beat > 0 ? 20 : 0),
                    ])
            }),
    ]

    private static let audits = [
        ReportMover(
            name: "audits switched off", fields: ["s3_star.enabled"], different: { $0.isAuditOn = false }),
        ReportMover(
            name: "an audit with findings",
            fields: prefixed("s3_star.", "audits clean checks[].checked checks[].differences checks[].repaired"),
            moved: { node, beat in
                guard beat == 1 else { return }
                var findings = AuditFindings()
                findings.note(.logs, checked: 7, difference: 3, repaired: 2)
                _ = node.system.audited(findings, now: node.now)
            }),
    ]

    private static let intelligence = [
        ReportMover(
            name: "forecasts switched off", fields: ["s4.enabled"], different: { $0.isIntelligenceOn = false }),
        ReportMover(
            name: "clients that do things and meet with errors",
            fields: prefixed(
                "s4.",
                "active_connections message_rate latency_p99 error_rate transport_distribution.websocket "
                    + "transport_distribution.http_sse reconnect_herd.clients"),
            moved: { node, beat in
                guard beat == 1 else { return }
                for index in 0...1 {
                    node.units[index].connections = 5
                    node.units[index].delivered += 100
                    node.units[index].errors += 1
                    node.units[index].latencies.add(.milliseconds(1))
                }
            }),
        ReportMover(
            name: "how clients are told to come back",
            fields: ["s4.reconnect_herd.after_ms", "s4.reconnect_herd.drain_seconds"],
            moved: { node, _ in
                node.node.retry = .seconds(3)
                node.node.drainRate = 20
            }),
        ReportMover(
            name: "memory that grows",
            fields: prefixed("s4.forecasts[].", "value used skill forecast time_to_capacity_ms"),
            beats: 112, common: { $0.forecastStep = .seconds(1) },
            moved: { node, beat in node.node.memory.used = 100 + 8 * beat }),
        ReportMover(
            name: "forecasts that have come due", fields: ["s4.forecasts[].comparisons"], beats: 20, otherBeats: 30,
            common: { $0.forecastStep = .seconds(1) }),
        ReportMover(
            name: "connections that become more and more", fields: ["s4.proposals[].expected"], beats: 40,
            common: { $0.forecastStep = .seconds(1) },
            moved: { node, beat in
                node.node.connectionDemand[.eventStream] = ConnectionBargain.Demand(used: beat, admitted: beat)
            }),
        ReportMover(
            name: "another horizon", fields: ["s4.forecasts[].horizon_ms", "s4.proposals[].within_ms"],
            different: { $0.forecastHorizon = 3 }),
        ReportMover(
            name: "many connections at once", fields: ["s4.connection_surge"], beats: 15,
            moved: { node, beat in if beat == 14 { node.node.opened += 1000 } }),
        ReportMover(
            name: "connections that begin", fields: ["s4.usual_connections_per_second"], beats: 15,
            moved: { node, _ in node.node.opened += 7 }),
        ReportMover(
            name: "clients that behave oddly",
            fields: prefixed("s4.anomalies[].", "present connections client_id for_ms connections_so_far"),
            moved: { node, beat in
                node.loop.anomalies = beat == 0 ? [.rapidReconnect: .init(connections: 3, client: "bot")] : [:]
            }),
        ReportMover(
            name: "memory that is short", fields: ["s4.capacity[].used_percent", "s4.capacity[].short"],
            moved: { node, _ in node.node.memory.used = 950 }),
        ReportMover(
            name: "another threshold", fields: ["s4.capacity[].threshold"], different: { $0.capacity.memory = 77 }),
    ]

    private static let policy = [
        ReportMover(name: "policy switched off", fields: ["s5.enabled"], different: { $0.isPolicyOn = false }),
        ReportMover(
            name: "another policy", fields: ["s5.policy_version"],
            moved: { node, _ in
                var policy = Policy()
                policy.dwell = .seconds(20)
                node.system.reload(policy)
            }),
        ReportMover(
            name: "another purpose, and a rule", fields: ["s5.purpose", "s5.rules.count"],
            different: { settings in
                settings.policy.purpose = "serve"
                settings.policy.rules = [PolicyRule(tier: "premium", effects: [.survive: .keep])]
            }),
        ReportMover(
            name: "limits of the policy",
            fields: prefixed(
                "s5.limits[].", "connections max_connections max_rate refused_connections refused_messages"),
            calm: { node, _ in node.node.limits = [PolicyLimit.Figures(subject: "everybody")] },
            moved: { node, _ in
                node.node.limits = [
                    PolicyLimit.Figures(
                        subject: "everybody", open: 3, connections: 5, rate: 2, refusedConnections: 1,
                        refusedMessages: 4)
                ]
            }),
        ReportMover(
            name: "messages that rules keep and refuse, and connections that they keep",
            fields: ["s5.rules.kept", "s5.rules.refused", "s5.rules.kept_connections"],
            moved: { node, _ in node.node.ruled = (3, 5, 2) }),
        ReportMover(
            name: "event loops that stay late",
            fields: prefixed(
                "s5.",
                "mode floor mode_for_ms decisions time_in_mode_ms.normal time_in_mode_ms.conserve "
                    + "time_in_mode_ms.survive") + ["system.mode"], beats: 10,
            moved: { node, _ in node.loop.lag = .milliseconds(1600) }),
        ReportMover(
            name: "overload that comes and goes", fields: ["s2.oscillation_per_hour.mode"], beats: 40,
            moved: { node, beat in node.loop.lag = beat < 6 ? .seconds(2) : .milliseconds(0) }),
    ]

    private static let pain = [
        ReportMover(
            name: "signals switched off", fields: ["algedonic.enabled"], different: { $0.isAlgedonicOn = false }),
        ReportMover(
            name: "pain that is passed on and ends", fields: ["algedonic.pains", "algedonic.pleasures"], beats: 16,
            moved: { node, beat in node.node.isStorageFailing = beat < 7 }),
        ReportMover(
            name: "pain that goes on", fields: ["algedonic.suppressed", "algedonic.episodes"], beats: 8,
            moved: { node, _ in node.node.isStorageFailing = true }),
        ReportMover(
            name: "pain that is settled where it arose", fields: ["algedonic.settled", "algedonic.autonomy"], beats: 12,
            moved: { node, beat in node.node.isStorageFailing = beat < 2 }),
        ReportMover(
            name: "pain that comes again", fields: ["algedonic.relapses"], beats: 8,
            moved: { node, beat in node.node.isStorageFailing = beat != 3 }),
        // What is told of a pain is compared with what is told of another one.
        ReportMover(
            name: "one pain or another",
            fields: ["algedonic.present[].", "algedonic.recent[].", "system.pains[]."].flatMap {
                prefixed($0, "pain_type place intensity")
            }
                + ["algedonic.recent[].message", "algedonic.recent[].suggested_action"], beats: 8,
            calm: { node, _ in node.node.isStorageFailing = true },
            moved: { node, _ in node.node.connections[1] = ("websocket", 95, 100) }),
        ReportMover(
            name: "a pain that has gone on for longer",
            fields: prefixed(
                "algedonic.", "present[].level present[].for_ms recent[].level recent[].severity recent[].for_ms")
                + ["system.pains[].level"],
            beats: 8, otherBeats: 14, calm: { node, _ in node.node.isStorageFailing = true },
            moved: { node, _ in node.node.isStorageFailing = true }),
        ReportMover(
            name: "another deadline", fields: ["algedonic.recent[].deadline_ms", "algedonic.recent[].ago_ms"], beats: 8,
            different: { $0.algedonic.deadline = .seconds(3) },
            calm: { node, _ in node.node.isStorageFailing = true },
            moved: { node, _ in node.node.isStorageFailing = true }),
        ReportMover(
            name: "a pain that ends", fields: ["algedonic.recent[].signal_type"], beats: 18,
            calm: { node, _ in node.node.isStorageFailing = true },
            moved: { node, beat in node.node.isStorageFailing = beat < 7 }),
        ReportMover(
            name: "a pain that ends, sooner or later",
            fields: ["algedonic.recent[].recovery_time_ms"], beats: 18,
            calm: { node, beat in node.node.isStorageFailing = (2..<8).contains(beat) },
            moved: { node, beat in node.node.isStorageFailing = beat < 7 }),
    ]
}
