import ArgumentParser

/// `mcp-gateway vsm`
struct Viability: AdminCommand {
    static let configuration = CommandConfiguration(
        commandName: "vsm",
        abstract: "Shows the node as a viable system: units, mode, forecasts, audits, and what hurts.")

    @OptionGroup var options: AdminOptions

    var question: AdminQuestion { AdminQuestion("/mcp/admin/vsm") }

    func show(_ answer: JSONValue) {
        func text(_ path: String...) -> String {
            var value: JSONValue? = answer
            for part in path { value = value?[part] }
            return value?.shown ?? "–"
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
        var forecasts = TextTable(["METRIC", "NOW", "FORECAST", "USED", "SKILL"], numeric: [1, 2, 4])
        for one in answer[path: "s4", "forecasts"]?.items ?? [] {
            forecasts.add(["metric", "value", "forecast", "used", "skill"].map { one[$0]?.shown ?? "–" })
        }
        forecasts.print()
        for pain in answer[path: "algedonic", "present"]?.items ?? [] {
            Output.line("hurts: \(pain["pain_type"]?.shown ?? "") at \(pain["place"]?.shown ?? "")")
        }
    }
}
