import ArgumentParser
import GatewayAuthentication
import GatewayCore
import WireJSON

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension Token {
    /// `mcp-gateway token mint`
    struct Mint: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes a token that is signed with security.secret_key_base.",
            discussion: """
                It asks no gateway: who has the secret makes tokens. The secret comes from SECRET_KEY_BASE or the \
                configuration, never from the command line, where others could read it. Issuer and audience are the \
                first ones that the configuration accepts, unless said.
                """)

        @Argument(help: "Whose token it is: the client id that it lets connect.")
        var subject: String

        @Option(
            help: ArgumentHelp(
                "What it allows, such as subscribe:room:* or service; may be given several times.",
                discussion: "By default what security.authentication.default_capabilities says.",
                valueName: "capability"))
        var can: [String] = []

        @Option(help: "Seconds for which it is good.")
        var lifetime = 3600

        @Option(help: "Rate limit tier.")
        var tier: String?

        @Option(help: "Who issued it (iss).")
        var issuer: String?

        @Option(help: "For whom it is (aud).")
        var audience: String?

        @Option(help: "Its id (jti), by which it can be revoked; a random one unless said.")
        var id: String?

        @Option(name: .shortAndLong, help: "The configuration file.", completion: .file())
        var config: String?

        @Flag(help: "Prints the token and what it says as JSON.")
        var json = false

        func validate() throws {
            guard (1...256).contains(subject.utf8.count) else {
                throw ValidationError("a subject has 1 to 256 bytes")
            }
            if let id, !(1...256).contains(id.utf8.count) { throw ValidationError("an id has 1 to 256 bytes") }
            guard can.count <= Capabilities.limit else {
                throw ValidationError("at most \(Capabilities.limit) capabilities are read")
            }
            for text in can where Capability(text) == nil {
                let known = Capability.Action.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("--can \(text): a capability is ACTION or ACTION:NAME, and an action \(known)")
            }
        }

        func run() async throws {
            try await CommandFailure.reporting {
                let token = try make()
                guard json else { return Output.line(token.text) }
                Output.line(
                    String(
                        decoding: JSONWriter.object { writer in
                            writer.member("token", token.text)
                            writer.member("jti", token.id)
                            writer.member("expires_at", token.end.text)
                        }, as: UTF8.self))
            }
        }

        private func make() throws -> (text: String, id: String, end: Timestamp) {
            let arguments = config.map { ["--config", $0] } ?? []
            let configuration = try ConfigurationOptions.parse(arguments).load().configuration
            guard let secret = configuration.security.secretKeyBase else {
                throw CommandFailure("no secret to sign with: set SECRET_KEY_BASE or security.secret_key_base", code: 1)
            }
            let wanted = configuration.security.authentication
            let longest = Int(wanted.maxTokenLifetime.components.seconds)
            guard (1...longest).contains(lifetime) else {
                throw CommandFailure(
                    "--lifetime is 1 to \(longest) seconds (security.authentication.max_token_lifetime)", code: 2)
            }
            let texts =
                can.isEmpty
                ? wanted.defaultCapabilities.map { $0.replacing("{sub}", with: subject) } : can
            let now = Token.now
            let principal = Principal(
                subject: subject, tier: tier, capabilities: Capabilities(texts.compactMap { Capability($0) }),
                expiresAt: Timestamp(milliseconds: now.milliseconds + Int64(lifetime) * 1000),
                issuedAt: now, tokenID: id ?? Self.randomID(),
                issuer: issuer ?? wanted.issuers.first)
            let text = TokenIssuer(secret: secret).token(for: principal, audience: audience ?? wanted.audiences.first)
            return (text, principal.tokenID ?? "", principal.expiresAt ?? Timestamp(milliseconds: 0))
        }

        private static func randomID() -> String {
            var generator = SystemRandomNumberGenerator()
            let halves = (0..<2).map { _ in String(generator.next(), radix: 16) }
            return halves.map { String(repeating: "0", count: 16 - $0.utf8.count) + $0 }.joined()
        }
    }
}
