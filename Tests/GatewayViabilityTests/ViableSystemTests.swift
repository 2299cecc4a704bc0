import Foundation
import GatewayCore
import TestSupport
import Testing
import WireJSON

@testable import GatewayViability

/// A node whose figures the test sets.
struct Node {
    var system: ViableSystem
    var units = [
        UnitSample(unit: .transport(.webSocket, loop: 0)), UnitSample(unit: .transport(.eventStream, loop: 0)),
    ]
    var loop = LoopSample(index: 0)
    var node = NodeSample()
    var now = Instant.zero + .seconds(100)

    init(_ settings: ViabilitySettings = ViabilitySettings()) {
        system = ViableSystem(settings)
        node.memory = (100, 1000)
        node.connections = [("http_sse", 0, 100), ("websocket", 0, 100)]
        node.processors = 2
        node.connectionCapacity = 100
        for transport in Transport.allCases { node.connectionDemand[transport] = ConnectionBargain.Demand(used: 0) }
    }

    mutating func beat() -> [ViableEvent] {
        now = now + .seconds(1)
        return system.beat(units: units, loops: [loop], node: node, now: now)
    }

    func report() throws -> [String: Any] {
        let json = JSONWriter.object { system.write(to: &$0, now: now) }
        return try #require(JSONSerialization.jsonObject(with: Data(json)) as? [String: Any])
    }

    /// A figure of the report: `s1.units.0.connections`.
    func figure(_ path: String) throws -> Any? {
        var value: Any? = try report()
        for part in path.split(separator: ".") {
            if let index = Int(part) {
                value = try #require(value as? [Any])[index]
            } else {
                value = try #require(value as? [String: Any], "\(path): \(part)")[String(part)]
            }
        }
        return value is NSNull ? nil : value
    }

    func number(_ path: String) throws -> Double? { try figure(path) as? Double }
}

struct ViableSystemTests {
    @Test func unitsReportWhatTheyDoCanAndCouldDo() throws {
        var node = Node()
        _ = node.beat()
        node.units[0].delivered += 1000
        node.units[0].deliveredBytes += 200_000
        node.units[0].received += 50
        node.units[0].errors += 3
        node.units[0].connections = 7
        for _ in 0..<99 { node.units[0].latencies.add(.milliseconds(1)) }
        node.units[0].latencies.add(.milliseconds(100))
        node.loop.processorTime = .milliseconds(250)
        _ = node.beat()
        let unit = "s1.units.0."
        #expect(try node.figure(unit + "unit") as? String == "websocket/0")
        #expect(try node.number(unit + "connections") == 7)
        #expect(try node.number(unit + "delivered_per_second") == 1000)
        #expect(try node.number(unit + "delivered_bytes_per_second") == 200_000)
        #expect(try node.number(unit + "received_per_second") == 50)
        #expect(try node.number(unit + "errors_per_second") == 3)
        #expect(try node.number(unit + "latency_p99_ms") == 1.024)
        // A quarter of the loop's time: four times as much could be done, and eight times with two loops.
        #expect(try node.number(unit + "actuality") == 1000)
        #expect(try node.number(unit + "capability") == 4000)
        #expect(try node.number(unit + "potentiality") == 8000)
        #expect(try node.number(unit + "productivity") == 0.25)
        #expect(try node.number(unit + "latency") == 0.5)
        #expect(try node.number(unit + "performance") == 0.125)
        #expect(try node.number("s3.loop_utilisation.0") == 0.25)
        // The other unit has done nothing and claims nothing.
        #expect(try node.figure("s1.units.1.capability") == nil)
        #expect(try node.figure("s1.units.1.latency_p99_ms") == nil)
    }

    @Test func theRequirementsMetricsAreMeasured() throws {
        var node = Node()
        node.node.retry = .seconds(2)
        node.node.drainRate = 20
        _ = node.beat()
        node.units[0].delivered = 90
        node.units[1].received = 8
        node.units[1].errors = 2
        node.units[0].connections = 40
        node.units[1].connections = 10
        node.units[0].latencies.add(.milliseconds(3))
        node.node.processorSeconds = 1.7
        node.node.connections = [("http_sse", 10, 100), ("websocket", 40, 100)]
        let events = node.beat()
        #expect(try node.number("s4.active_connections") == 50)
        #expect(try node.number("s4.message_rate") == 98)
        #expect(try node.number("s4.error_rate") == 0.02)
        #expect(try node.number("s4.latency_p99") == 4.096)
        #expect(try node.number("s4.transport_distribution.websocket") == 40)
        #expect(try node.number("s4.transport_distribution.http_sse") == 10)
        #expect(try node.number("s4.reconnect_herd.clients") == 50)
        #expect(try node.number("s4.reconnect_herd.after_ms") == 2000)
        #expect(try node.number("s4.reconnect_herd.drain_seconds") == 2.5)
        // 1.7 of two processors.
        #expect(
            events.contains {
                if case .capacity(let alert) = $0 { alert.resource == .processor && alert.isRaised } else { false }
            })
        let capacity = try #require(node.figure("s4.capacity") as? [[String: Any]])
        #expect(capacity.first { $0["resource"] as? String == "cpu" }?["used_percent"] as? Double == 85)
        #expect(capacity.first { $0["resource"] as? String == "connections" }?["used_percent"] as? Double == 40)
        #expect(capacity.first { $0["resource"] as? String == "memory" }?["used_percent"] as? Double == 10)
        #expect(capacity.count == 3, "nobody has said what the network carries")
    }

    @Test func bandwidthCountsWhereItIsKnown() throws {
        var settings = ViabilitySettings()
        settings.bandwidth = 1000
        var node = Node(settings)
        _ = node.beat()
        node.units[0].deliveredBytes += 700
        let events = node.beat()
        #expect(events.contains { if case .capacity(let alert) = $0 { alert.resource == .bandwidth } else { false } })
    }

    @Test func whatWillBeShortIsSparedBeforeItIs() throws {
        var settings = ViabilitySettings()
        settings.forecastStep = .seconds(1)
        var node = Node(settings)
        var conserved: Int?
        var full: Int?
        for second in 0..<120 {
            node.node.memory.used = 100 + 8 * second
            node.node.shedding = .none
            // Where the overload ladder refuses the first thing.
            if node.node.memory.used >= 800, full == nil { full = second }
            for case .mode(let change) in node.beat() where change.to == .conserve { conserved = conserved ?? second }
        }
        let at = try #require(conserved)
        let bound = try #require(full)
        #expect(bound - at >= 10, "\(at), first step of the ladder at \(bound)")
        let skill = try node.number("s4.forecasts.2.skill")
        #expect(skill.map { $0 > 0 } == true)
        #expect(try node.figure("s4.forecasts.2.used") as? Bool == true)
        #expect(try node.number("s4.forecasts.2.time_to_capacity_ms") == 0)
    }

    @Test func overloadChangesTheModeAndTheModeWhatIsTaken() throws {
        var node = Node()
        #expect(node.system.floor == .none)
        node.loop.lag = .milliseconds(1600)
        var changes: [ModeChange] = []
        for _ in 0..<6 { for case .mode(let change) in node.beat() { changes.append(change) } }
        #expect(changes.map(\.to) == [.conserve, .survive] && changes.map(\.floor) == [.lowPriority, .normalPriority])
        #expect(
            node.system.floor == .normalPriority && !node.system.floor.admits(.normal)
                && node.system.floor.admits(.high))
        #expect(try node.number("s3.pressure") == 1.6)
        #expect(try node.number("s5.decisions") == 2)
        node.loop.lag = .milliseconds(1)
        for _ in 0..<30 { for case .mode(let change) in node.beat() { changes.append(change) } }
        #expect(changes.map(\.to) == [.conserve, .survive, .conserve, .normal] && node.system.floor == .none)
        #expect(try node.figure("s5.mode") as? String == "normal")
        let survived = try node.number("s5.time_in_mode_ms.survive")
        #expect(survived.map { $0 >= 10_000 } == true)
        #expect(try node.number("s2.oscillation_per_hour.mode") == 1)
    }

    @Test func withoutPolicyNothingIsRefused() {
        var settings = ViabilitySettings()
        settings.isPolicyOn = false
        var node = Node(settings)
        node.loop.lag = .seconds(3)
        for _ in 0..<20 {
            let events = node.beat()
            #expect(!events.contains { if case .mode = $0 { true } else { false } })
        }
        #expect(node.system.floor == .none)
    }

    @Test func whatHurtsIsToldAndItsEndToo() throws {
        var node = Node()
        node.node.connections = [("websocket", 95, 100)]
        node.node.isStorageFailing = true
        var signals: [AlgedonicSignal] = []
        for _ in 0..<7 { for case .signal(let signal) in node.beat() { signals.append(signal) } }
        #expect(Set(signals.map(\.source)) == [PainSource(.connections, at: "websocket"), PainSource(.storage)])
        #expect(try node.number("algedonic.pains") == 2)
        node.node.connections = [("websocket", 5, 100)]
        node.node.isStorageFailing = false
        for _ in 0..<7 { for case .signal(let signal) in node.beat() { signals.append(signal) } }
        #expect(signals.suffix(2).allSatisfy { $0.kind == .pleasure })
        let recent = try #require(node.figure("algedonic.recent") as? [[String: Any]])
        #expect(recent.count == 4 && recent.last?["recovery_time_ms"] as? Int == 7000)
        #expect(recent.first?["suggested_action"] != nil && recent.first?["source"] as? String == "mcp_gateway")
    }

    @Test func switchesOfTransportsAreWatched() throws {
        var node = Node()
        for step in 0..<20 {
            if step % 2 == 0 { node.node.switches.better += 3 } else { node.node.switches.worse += 3 }
            _ = node.beat()
        }
        #expect(try node.number("s2.switches.to_better") == 30)
        #expect(try node.number("s2.switches.to_worse") == 30)
        #expect(try node.number("s2.oscillation_per_hour.transports") == 18)
    }

    @Test func discrepanciesHurt() throws {
        var node = Node()
        var findings = AuditFindings()
        findings.note(.cursors, checked: 10, difference: 2, repaired: 2)
        let told = node.system.audited(findings, now: node.now)
        #expect(told == [.audit(findings)])
        var signals: [AlgedonicSignal] = []
        for _ in 0..<7 { for case .signal(let signal) in node.beat() { signals.append(signal) } }
        #expect(signals.map(\.source.pain) == [.audit])
        var clean = AuditFindings()
        clean.note(.cursors, checked: 10)
        let toldOfNothing = node.system.audited(clean, now: node.now)
        #expect(toldOfNothing.isEmpty)
        let check = try #require(
            (node.figure("s3_star.checks") as? [[String: Any]])?.first { $0["kind"] as? String == "cursors" })
        #expect(check["checked"] as? Int == 20 && check["differences"] as? Int == 2 && check["repaired"] as? Int == 2)
        #expect(try node.number("s3_star.audits") == 2)
    }

    @Test func policiesAreVersioned() {
        var node = Node()
        var policy = Policy()
        let isChanged = node.system.reload(policy)
        #expect(!isChanged && node.system.policyVersion == 1)
        policy.maxLag = .milliseconds(10)
        let isChangedNow = node.system.reload(policy)
        #expect(isChangedNow && node.system.policyVersion == 2)
        node.loop.lag = .milliseconds(20)
        for _ in 0..<6 { _ = node.beat() }
        #expect(node.system.mode == .survive)
    }

    @Test func unitsThatAreGoneLeaveNothingBehind() throws {
        var node = Node()
        node.units.append(UnitSample(unit: .upstream("search")))
        for _ in 0..<3 {
            node.units[2].errors += 100
            _ = node.beat()
        }
        #expect(try node.number("algedonic.present.0.intensity") == 10)
        var units = try node.figure("s1.units") as? [Any]
        #expect(units?.count == 3)
        node.units.removeLast()
        _ = node.beat()
        let present = try node.figure("algedonic.present") as? [Any]
        #expect(present?.isEmpty == true)
        units = try node.figure("s1.units") as? [Any]
        #expect(units?.count == 2)
    }

    @Test func eventsSayWhatHasHappened() throws {
        var findings = AuditFindings()
        findings.note(.logs, checked: 3, difference: -4)
        let change = ModeChange(
            from: .normal, to: .conserve, floor: .lowPriority, pressure: 0.7, timeToCapacity: .seconds(9))
        let events: [(ViableEvent, String)] = [
            (
                .mode(change),
                #"{"event":"mode_changed","mode":"conserve","previous":"normal","floor":"low_priority","pressure":0.7,"time_to_capacity_ms":9000}"#
            ),
            (
                .capacity(CapacityAlert(resource: .memory, isRaised: true, used: 86, threshold: 85)),
                #"{"event":"capacity_alert","resource":"memory","raised":true,"used_percent":86,"threshold":85}"#
            ),
            (.forecast(.memory, isUsed: false), #"{"event":"forecast_switched","metric":"memory","used":false}"#),
            (
                .surge(perSecond: 300, usual: 10),
                #"{"event":"connection_surge","connections_per_second":300,"usual":10}"#
            ),
            (
                .anomaly(
                    Anomaly(
                        pattern: .rapidReconnect, isPresent: true, sightings: .init(connections: 2, client: "bot"))),
                #"{"event":"anomaly_begun","pattern":"rapid_reconnect","connections":2,"client_id":"bot"}"#
            ),
            (
                .proposal(
                    Proposal(
                        resource: .connections, unit: "http_sse", isMade: true, expected: 70, within: .seconds(60))),
                #"{"event":"proposal_made","resource":"connections","unit":"http_sse","expected":70,"within_ms":60000}"#
            ),
            (.audit(findings), #"{"event":"audit_discrepancy","differences":{"logs":4},"repaired":0}"#),
        ]
        for (event, json) in events { #expect(String(decoding: event.json, as: UTF8.self) == json) }
        #expect(events.map(\.0.isStateChange) == [true, false, false, false, false, false, false])
    }
}
