import ArgumentParser
import DeliveryHistory
import WireJSON

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `mcp-gateway check-history`
struct CheckHistory: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-history",
        abstract:
            "Checks logs of what was published, delivered, acknowledged and signalled against the delivery promises.",
        discussion: """
            Each file is JSON Lines, one event a line: publish, connect, deliver, gap, ack, disconnect, crash, settled \
            (docs/check-history.md). Several files are merged by `at`. Exit code 0: every promise holds; 1: a promise is \
            broken, or a file cannot be read.
            """)

    @Argument(help: "Histories, JSON Lines.", completion: .file())
    var files: [String]

    @Flag(help: "Prints JSON.")
    var json = false

    func run() async throws {
        try await CommandFailure.reporting {
            var histories: [[HistoryEvent]] = []
            for file in files {
                guard let text = FileManager.default.contents(atPath: file) else {
                    throw CommandFailure("cannot read \(file)", code: 1)
                }
                Self.progress("reading \(file): \(text.count >> 20) MiB", bytes: text.count)
                do throws(HistoryError) {
                    histories.append(try HistoryReader.read([UInt8](text), file: file))
                } catch { throw CommandFailure(error.description, code: 1) }
                if files.count > 1 { Output.error("read \(file): \(histories[histories.count - 1].count) events") }
            }
            let events = histories.reduce(0) { $0 + $1.count }
            Self.progress("checking \(events) events", bytes: events * 100)
            let verdict: Verdict
            do throws(HistoryError) {
                verdict = HistoryChecker.check(try HistoryReader.merge(histories))
            } catch { throw CommandFailure(error.description, code: 1) }
            Output.line(json ? Self.render(verdict) : Self.describe(verdict))
            if !verdict.holds { throw ExitCode(1) }
        }
    }

    /// Says how far it is, where that takes long.
    private static func progress(_ text: String, bytes: Int) { if bytes > 8 << 20 { Output.error(text) } }

    private static func describe(_ verdict: Verdict) -> String {
        var lines = verdict.violations.map { "\($0.place): \($0.rule.rawValue): client \($0.client): \($0.reason)" }
        lines.append(
            "\(verdict.published) published, \(verdict.delivered) delivered to \(verdict.clients) clients on"
                + " \(verdict.connections) connections, \(verdict.gaps) gaps, \(verdict.crashes) crashes:"
                + (verdict.holds ? " every promise holds" : " \(verdict.violations.count) violations"))
        return lines.joined(separator: "\n")
    }

    private static func render(_ verdict: Verdict) -> String {
        func quoted(_ text: String) -> String {
            var output: [UInt8] = []
            JSONText.appendQuoted(text.utf8, to: &output)
            return String(decoding: output, as: UTF8.self)
        }
        let violations = verdict.violations.map {
            "{\"rule\":\(quoted($0.rule.rawValue)),\"file\":\(quoted($0.place.file)),\"line\":\($0.place.line),"
                + "\"client\":\(quoted($0.client)),\"reason\":\(quoted($0.reason))}"
        }
        return "{\"holds\":\(verdict.holds),\"published\":\(verdict.published),\"delivered\":\(verdict.delivered),"
            + "\"clients\":\(verdict.clients),\"connections\":\(verdict.connections),\"gaps\":\(verdict.gaps),"
            + "\"crashes\":\(verdict.crashes),\"violations\":[\(violations.joined(separator: ","))]}"
    }
}
