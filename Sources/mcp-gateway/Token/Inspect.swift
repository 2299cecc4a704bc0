import ArgumentParser
import GatewayAuthentication
import GatewayCore
import GatewayServer
import Logging
import NIOCore
import WireJSON

extension Token {
    /// `mcp-gateway token inspect`
    struct Inspect: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows what a token says, and whether the configured keys and rules take it.",
            discussion: """
                Exit code 0: a gateway with this configuration takes it; 1: it does not, or authentication is off. \
                Revocations are those that are kept beside the database.
                """)

        @Argument(help: "The token, or - for standard input.")
        var token: String

        @Option(name: .shortAndLong, help: "The configuration file.", completion: .file())
        var config: String?

        @Flag(help: "Prints it as JSON.")
        var json = false

        func run() async throws {
            try await CommandFailure.reporting {
                let text = token == "-" ? readLine() ?? "" : token
                guard let said = UncheckedToken(text) else { throw CommandFailure("that is no token", code: 1) }
                let verdict = try await verdict(text)
                if json {
                    Output.line(
                        String(
                            decoding: JSONWriter.object { writer in
                                writer.member("valid", verdict == nil)
                                if let verdict { writer.member("reason", verdict) }
                                writer.member("header", raw: said.header)
                                writer.member("claims", raw: said.claims)
                            }, as: UTF8.self))
                } else {
                    try show(said)
                    Output.line(verdict.map { "refused: \($0)" } ?? "taken")
                }
                guard verdict == nil else { throw ExitCode(1) }
            }
        }

        /// Why it is refused; `nil` if it is taken.
        private func verdict(_ text: String) async throws -> String? {
            let arguments = config.map { ["--config", $0] } ?? []
            let configuration = try ConfigurationOptions.parse(arguments).load().configuration
            let quiet = Logger(label: "token") { _ in SwiftLogNoOpLogHandler() }
            guard let settings = try await AuthenticationSettings.make(configuration, quiet) else {
                return "authentication is off: no keys are configured"
            }
            let now = Token.now
            switch settings.verify(text, Instant(nanoseconds: Int64(NIODeadline.now().uptimeNanoseconds)), now) {
            case .failure(let failure): return failure.rawValue
            case .success(let principal):
                var revoked = RevocationList(limit: settings.maxRevocations)
                for entry in settings.revocations { _ = revoked.add(entry, now: now) }
                return revoked.revokes(principal) ? AuthenticationFailure.revoked.rawValue : nil
            }
        }

        private func show(_ said: UncheckedToken) throws {
            var table = TextTable(["", ""])
            for (name, value) in try JSONValue(said.header).members.sorted(by: { $0.key < $1.key }) {
                table.add([name, value.shown])
            }
            for (name, value) in try JSONValue(said.claims).members.sorted(by: { $0.key < $1.key }) {
                let isMoment = ["exp", "iat", "nbf"].contains(name)
                let moment = value.number.flatMap { isMoment && abs($0) < 1e11 ? Int64($0) : nil }
                table.add([name, moment.map { Timestamp(milliseconds: $0 * 1000).text } ?? value.shown])
            }
            for line in table.lines.dropFirst() { Output.line(line) }
        }
    }
}
