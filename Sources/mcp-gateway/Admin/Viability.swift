import ArgumentParser
import GatewayServer

/// `mcp-gateway vsm`
struct Viability: AdminCommand {
    static let configuration = CommandConfiguration(
        commandName: "vsm",
        abstract: "Shows the node as a viable system: units, mode, forecasts, audits, and what hurts.",
        discussion: """
            --follow shows what the systems tell each other as it happens, one line each. --node, once for each, shows \
            several nodes as one system; all must take the same admin token.
            """)

    @OptionGroup var options: AdminOptions

    @Flag(name: .shortAndLong, help: "Shows events as they happen, until interrupted.")
    var follow = false

    @Option(
        help: "With --follow: only these topics, with commas between them; by default all but s1_operations.",
        completion: .list(BusFeed.Topic.allCases.map(\.rawValue)))
    var topics: String?

    @Option(
        name: .customLong("node"), parsing: .singleValue,
        help: "The address of a node, http://HOST:PORT; may be given several times.")
    var nodes: [String] = []

    @Option(help: "With --follow: ends after so many events.")
    var count: Int?

    var question: AdminQuestion { AdminQuestion("/mcp/admin/vsm") }

    func validate() throws {
        guard topics == nil || follow else { throw ValidationError("--topics goes with --follow") }
        guard nodes.isEmpty || !follow && options.url == nil else {
            throw ValidationError("--node goes without --follow and --url")
        }
        guard count == nil || follow else { throw ValidationError("--count goes with --follow") }
    }

    func run() async throws {
        if !nodes.isEmpty { return try await CommandFailure.reporting { try await showCluster() } }
        guard follow else { return try await ask() }
        try await CommandFailure.reporting {
            let usual = BusFeed.Topic.allCases.filter { $0 != .operations }.map(\.rawValue).joined(separator: ",")
            var question = AdminQuestion("/mcp/admin/vsm/events")
            question.add("topics", topics ?? usual)
            var shown = 0
            try await options.client().follow(question.path) { topic, data in
                if options.json {
                    Output.line(String(decoding: data, as: UTF8.self))
                } else {
                    Output.line(Self.line(topic, try JSONValue(data)))
                }
                shown += 1
                return count.map { shown < $0 } ?? true
            }
        }
    }

    /// The topic, what happened, and everything else that is known of it.
    private static func line(_ topic: String, _ event: JSONValue) -> String {
        let details = event.members.filter { $0.key != "event" }.sorted { $0.key < $1.key }
            .map { "\($0.key)=\($0.value.shown)" }.joined(separator: " ")
        let name = event["event"]?.shown ?? ""
        return topic + String(repeating: " ", count: max(1, 18 - topic.count)) + name
            + String(repeating: " ", count: max(1, 22 - name.count)) + details
    }

    /// What the policy forbids to cross, and what was found out about servers; nothing where there is neither.
    private func showLimits(_ answer: JSONValue) {
        let limits = answer[path: "s5", "limits"]?.items ?? []
        if !limits.isEmpty {
            let columns = ["connections", "max_connections", "max_rate", "refused_connections", "refused_messages"]
            var table = TextTable(["LIMIT"] + columns.map { $0.uppercased() }, numeric: Set(1...columns.count))
            for limit in limits {
                table.add([limit["subject"]?.shown ?? ""] + columns.map { limit[$0]?.shown ?? "–" })
            }
            Output.line("")
            table.print()
        }
        let servers = (answer[path: "s1", "units"]?.items ?? []).filter { $0["limit"] != nil }
        guard !servers.isEmpty else { return }
        let columns = ["limit", "in_flight", "waiting", "refused", "round_trip_ms", "unloaded_round_trip_ms"]
        var table = TextTable(["SERVER"] + columns.map { $0.uppercased() }, numeric: Set(1...columns.count))
        for server in servers {
            table.add([server["unit"]?.shown ?? ""] + columns.map { server[path: "limit", $0]?.shown ?? "–" })
        }
        Output.line("")
        table.print()
    }

    func show(_ answer: JSONValue) {
        func text(_ path: String...) -> String {
            var value: JSONValue? = answer
            for part in path { value = value?[part] }
            return value?.shown ?? "–"
        }
        if let purpose = answer[path: "s5", "purpose"], purpose.shown != "–" {
            Output.line("purpose: \(purpose.shown)")
        }
        Output.line("mode \(text("s5", "mode")), refused: \(text("s5", "floor")), pressure \(text("s3", "pressure"))")
        Output.line(
            "variety \(text("s1", "variety", "incoming", "bits")) bits in, "
                + "\(text("s1", "variety", "outgoing", "bits")) out, by \(text("s1", "variety", "distinction"))")
        Output.line(
            "pains \(text("algedonic", "pains")), reliefs \(text("algedonic", "pleasures")), "
                + "audits \(text("s3_star", "audits")), policy \(text("s5", "policy_version"))")
        Output.line("")
        let columns = ["connections", "actuality", "capability", "potentiality", "productivity", "errors_per_second"]
        var units = TextTable(["UNIT"] + columns.map { $0.uppercased() }, numeric: Set(1...columns.count))
        for unit in answer[path: "s1", "units"]?.items ?? [] {
            units.add([unit["unit"]?.shown ?? ""] + columns.map { unit[$0]?.shown ?? "–" })
        }
        units.print()
        Output.line("")
        let figures = ["floor", "asked", "granted", "used", "borrowed", "refused", "held_back"]
        var budgets = TextTable(
            ["BUDGET", "UNIT"] + figures.map { $0.uppercased() }, numeric: Set(2...figures.count + 1))
        for budget in answer[path: "s3", "budgets"]?.items ?? [] {
            for unit in budget["units"]?.items ?? [] {
                budgets.add(
                    [budget["resource"]?.shown ?? "", unit["unit"]?.shown ?? ""]
                        + figures.map { unit[$0]?.shown ?? "–" })
            }
        }
        budgets.print()
        showLimits(answer)
        Output.line("")
        var forecasts = TextTable(["METRIC", "NOW", "FORECAST", "USED", "SKILL"], numeric: [1, 2, 4])
        for one in answer[path: "s4", "forecasts"]?.items ?? [] {
            forecasts.add(["metric", "value", "forecast", "used", "skill"].map { one[$0]?.shown ?? "–" })
        }
        forecasts.print()
        for one in answer[path: "s4", "anomalies"]?.items ?? [] where one["present"]?.isTrue == true {
            let (pattern, client) = (one["pattern"]?.shown ?? "", one["client_id"]?.shown ?? "")
            Output.line("odd: \(pattern), \(one["connections"]?.shown ?? "") connections, the last one of \(client)")
        }
        for one in answer[path: "s4", "proposals"]?.items ?? [] where one["expected"].map({ $0.shown != "–" }) == true {
            Output.line(
                "proposed: room for \(one["expected"]?.shown ?? "") \(one["resource"]?.shown ?? "") of "
                    + "\(one["unit"]?.shown ?? "") within \(one["within_ms"]?.shown ?? "") ms")
        }
        for pain in answer[path: "algedonic", "present"]?.items ?? [] {
            Output.line("hurts: \(pain["pain_type"]?.shown ?? "") at \(pain["place"]?.shown ?? "")")
        }
    }
}
