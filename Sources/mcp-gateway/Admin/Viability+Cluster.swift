import ArgumentParser
import GatewayViability
import WireJSON

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `mcp-gateway vsm --node A --node B`: several nodes as one system, whose units they are.
extension Viability {
    private struct NodeAnswer: Decodable {
        let system: SystemReport
    }

    func showCluster() async throws {
        var reports: [SystemReport] = []
        var missing: [(node: String, reason: String)] = []
        for node in nodes {
            do {
                reports.append(try await report(of: node))
            } catch let failure as CommandFailure {
                missing.append((node, failure.description))
            }
        }
        let cluster = SystemReport(.cluster, named: "cluster", of: reports)
        if options.json { Self.write(cluster, reports, missing) } else { Self.show(cluster, reports) }
        for (node, reason) in missing { Output.error("\(node) is not in it: \(reason)") }
        if !missing.isEmpty { throw ExitCode(1) }
    }

    private func report(of node: String) async throws -> SystemReport {
        var options = options
        options.url = node
        let answer = try await options.client().ask("/mcp/admin/vsm")
        do {
            return try JSONDecoder().decode(NodeAnswer.self, from: Data(answer)).system
        } catch { throw CommandFailure("its answer is none of this version's gateway", code: 1) }
    }

    private static func write(
        _ cluster: SystemReport, _ reports: [SystemReport], _ missing: [(node: String, reason: String)]
    ) {
        let text = JSONWriter.object { writer in
            writer.member("level", cluster.level.rawValue)
            writer.member("system", cluster.write)
            writer.key("units")
            writer.array { list in for report in reports { list.object(report.write) } }
            writer.key("missing")
            writer.array { list in
                for (node, reason) in missing {
                    list.object { item in
                        item.member("node", node)
                        item.member("reason", reason)
                    }
                }
            }
        }
        Output.line(String(decoding: text, as: UTF8.self))
    }

    private static func show(_ cluster: SystemReport, _ reports: [SystemReport]) {
        func text(_ number: Double?) -> String { number.map { JSONValue.number($0).shown } ?? "–" }
        let entropy = cluster.entropy
        Output.line("mode \(cluster.mode.name), pressure \(text(cluster.pressure)), \(reports.count) nodes")
        Output.line(
            "variety \(text(entropy.incoming?.bits)) bits in, \(text(entropy.outgoing?.bits)) out, "
                + "by \(VarietyCounts.distinction)")
        Output.line("if the largest node dies now, \(cluster.herd) clients come back to the others")
        Output.line("")
        var table = TextTable(
            [
                "NODE", "MODE", "CONNECTIONS", "ACTUALITY", "CAPABILITY", "POTENTIALITY", "PRODUCTIVITY", "PRESSURE",
                "MEMORY",
            ], numeric: Set(2...8))
        for report in reports + [cluster] {
            let figures = report.figures
            table.add([
                figures.unit.name, report.mode.name, "\(figures.connections)", text(figures.actuality),
                text(figures.capability), text(figures.potentiality), text(figures.productivity), text(report.pressure),
                "\(report.memory.used)",
            ])
        }
        table.print()
        for pain in cluster.pains { Output.line("hurts: \(pain.type) at \(pain.place)") }
    }
}
