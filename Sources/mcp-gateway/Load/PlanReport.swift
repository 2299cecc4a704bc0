import GatewayConfiguration
import GatewayLoad
import WireJSON

/// A plan for people and for programs.
struct PlanReport {
    private let plan: CapacityPlan
    private let configuration: GatewayConfiguration

    init(_ plan: CapacityPlan, _ configuration: GatewayConfiguration) {
        self.plan = plan
        self.configuration = configuration
    }

    private var logBytes: Double {
        plan.logBytes(messages: configuration.session.logMessages, bytes: configuration.session.logBytes)
    }

    /// What has to be changed on each node.
    private var settings: [(name: String, value: String)] {
        let count = plan.connectionsPerNodeAtWorst
        // Room for those who come back while others are still being noticed as gone.
        let bound = Int((Double(count) * 1.2).rounded(.up))
        var settings = [("ulimit -n (LimitNOFILE)", "\(max(bound + 1024, 4096))")]
        if plan.demand.streams < 1 {
            settings.append(("transports.websocket.max_connections", "\(bound)"))
        }
        if plan.demand.streams > 0 { settings.append(("transports.http_sse.max_connections", "\(bound)")) }
        settings.append(("memory.budget", "\(Int(plan.demand.memory * 0.8 / 1_048_576))MiB"))
        settings.append(("net.core.somaxconn", "\(max(4096, min(65_535, count / 4)))"))
        return settings
    }

    var text: String {
        let (demand, figures) = (plan.demand, plan.figures)
        var lines: [String] = []
        func section(_ name: String) { lines.append((lines.isEmpty ? "" : "\n") + name) }
        func add(_ name: String, _ value: String) {
            lines.append("  " + name + String(repeating: " ", count: max(2, 40 - name.count)) + value)
        }
        func each(_ part: KeyPath<MachineFigures.Transport, Double>, _ show: (Double) -> String) -> String {
            "WebSocket \(show(figures.webSocket[keyPath: part])), event stream \(show(figures.stream[keyPath: part]))"
        }
        section(
            "measured here (\(figures.cores) cores, \(Self.bytes(figures.memory)), messages of \(figures.payload) B)")
        add("a gateway without connections", Self.bytes(figures.base))
        add("memory of a connection", each(\.memory, Self.bytes))
        add("processor time to open one", each(\.opening, Self.microseconds))
        add("processor time of a delivery", each(\.delivery, Self.microseconds))
        add("processor time of a client's message", Self.microseconds(figures.message))
        section("wanted")
        add("connections", "\(demand.connections), \(Self.percent(demand.streams)) of them event streams")
        add(
            "messages",
            "\(LoadReport.short(demand.received)) received and \(LoadReport.short(demand.sent)) sent each second by each, \(demand.size) B"
        )
        add(
            "nodes",
            "\(LoadReport.short(demand.cores)) cores, \(Self.bytes(demand.memory)), used up to \(Self.percent(demand.utilization))"
        )
        section("plan")
        add(
            "nodes",
            "\(plan.nodes): \(plan.nodesNeeded) needed for \(plan.bound == .memory ? "memory" : "processors"), \(demand.spare) to spare"
        )
        add(
            "connections of a node",
            "\(plan.connectionsPerNode); \(plan.connectionsPerNodeAtWorst) while \(demand.spare) \(demand.spare == 1 ? "is" : "are") away"
        )
        add(
            "a node bears",
            "\(Self.count(plan.connectionsByMemory)) by memory, \(Self.count(plan.connectionsByProcessor)) by processors"
        )
        add("cores for everything", LoadReport.short(plan.cores))
        add(
            "bandwidth to clients",
            "\(Self.bytes(plan.egress))/s = \(LoadReport.short(plan.egress * 8 / 1e6)) Mbit/s; a node \(LoadReport.short(plan.egress * 8 / 1e6 / Double(plan.nodesNeeded)))"
        )
        add("logs of sessions, at the most", "\(Self.bytes(logBytes)) a node (session.log_messages, log_bytes)")
        add(
            "a dead node's clients are back after",
            "\(LoadReport.short(plan.returnSeconds)) s of processors; listen.handshake_rate paces them")
        section("each node needs")
        for (name, value) in settings { add(name, value) }
        if demand.memory * (1 - demand.utilization) < logBytes {
            lines.append(
                "\n  The logs of sessions do not fit beside the connections when clients are sent more than they read:")
            lines.append("  the memory budget sheds load then. Lower session.log_bytes, or give nodes more memory.")
        }
        return lines.joined(separator: "\n")
    }

    var json: [UInt8] {
        JSONWriter.object { writer in
            writer.member("figures", raw: plan.figures.json)
            writer.member("nodes", plan.nodes)
            writer.member("nodes_needed", plan.nodesNeeded)
            writer.member("bound", plan.bound.rawValue)
            writer.member("bytes_per_connection", plan.memoryPerConnection)
            writer.member("connections_by_memory", plan.connectionsByMemory)
            if plan.connectionsByProcessor.isFinite {
                writer.member("connections_by_processor", plan.connectionsByProcessor)
            }
            writer.member("connections_per_node", plan.connectionsPerNode)
            writer.member("connections_per_node_at_worst", plan.connectionsPerNodeAtWorst)
            writer.member("cores", plan.cores)
            writer.member("egress_bytes_per_second", plan.egress)
            writer.member("log_bytes_per_node", logBytes)
            writer.member("return_seconds", plan.returnSeconds)
            writer.member(
                "settings",
                raw: JSONWriter.object { writer in
                    for (name, value) in settings { writer.member(name, value) }
                })
        }
    }

    private static func bytes(_ count: Double) -> String {
        switch count {
        case ..<1024: "\(Int(count)) B"
        case ..<1_048_576: "\(LoadReport.short(count / 1024)) KiB"
        case ..<1_073_741_824: "\(LoadReport.short(count / 1_048_576)) MiB"
        default: "\(LoadReport.short(count / 1_073_741_824)) GiB"
        }
    }

    private static func microseconds(_ value: Double) -> String { "\(LoadReport.short(value)) µs" }
    private static func percent(_ part: Double) -> String { "\(LoadReport.short(part * 100)) %" }
    private static func count(_ value: Double) -> String { value.isFinite ? "\(Int(value))" : "any number" }
}
