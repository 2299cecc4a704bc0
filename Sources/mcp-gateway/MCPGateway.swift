import ArgumentParser

/// `mcp-gateway`: the real-time and Model-Context-Protocol gateway.
@main
struct MCPGateway: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mcp-gateway",
        abstract: "Real-time and Model Context Protocol gateway.",
        discussion: """
            Clients connect by Server-Sent Events or by WebSocket speaking Phoenix Channels; the gateway keeps an \
            ordered, resumable session for each. Without a subcommand it serves, and without a configuration it serves \
            on loopback: API and try-it page on 4000, event streams on 4001, WebSockets on 4002.
            """,
        version: Version.current,
        subcommands: [
            Serve.self, ShowConfiguration.self, Call.self, Send.self, Listen.self, LoadTest.self, Plan.self,
            CheckHistory.self,
            Drain.self,
            Token.self,
        ] + AdminCommands.all,
        defaultSubcommand: Serve.self)

    /// Runs the command that the arguments name. Exit codes are the contract's: 0 done, 1 failed, 2 usage, 3 cannot reach the gateway.
    static func main() async {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            let code = exitCode(for: error)
            guard code == .validationFailure else { exit(withError: error) }
            Output.error(fullMessage(for: error))
            exit(withError: ExitCode(2))
        }
    }
}

enum Version {
    static let current = "0.1.0"
}
