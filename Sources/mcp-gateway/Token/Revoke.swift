import ArgumentParser
import GatewayAuthentication
import WireJSON

extension Token {
    /// `mcp-gateway token revoke`
    struct Revoke: AdminCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes tokens good no more, and closes their connections, at a running gateway.")

        @OptionGroup var options: AdminOptions

        @Option(help: "The id (jti) of the token.")
        var id: String?

        @Option(name: .customLong("sub"), help: "The subject whose tokens they are.")
        var subject: String?

        @Flag(help: "All tokens of everybody.")
        var everyone = false

        @Option(help: "With --sub and --everyone: only those issued before, in seconds since 1970; now, unless said.")
        var issuedBefore: Int?

        func validate() throws {
            guard (id == nil ? 0 : 1) + (subject == nil ? 0 : 1) + (everyone ? 1 : 0) == 1 else {
                throw ValidationError("give one of --id, --sub and --everyone")
            }
            guard issuedBefore == nil || id == nil else {
                throw ValidationError("--issued-before goes with --sub and --everyone")
            }
        }

        var question: AdminQuestion {
            let body = JSONWriter.object { writer in
                if let id { writer.member("jti", id) }
                if let subject { writer.member("sub", subject) }
                if everyone { writer.member("everyone", true) }
                if let issuedBefore { writer.member("issued_before", issuedBefore) }
            }
            return AdminQuestion("/mcp/admin/revocations", .POST, body: String(decoding: body, as: UTF8.self))
        }

        func show(_ answer: JSONValue) { Output.line("revoked") }
    }
}
