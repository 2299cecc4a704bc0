import ArgumentParser
import GatewayConfiguration

/// `mcp-gateway config`
struct ShowConfiguration: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Prints the effective configuration and where each value comes from. Secrets stay hidden.")

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Prints JSON.")
    var json = false

    func run() async throws {
        try await CommandFailure.reporting {
            let loaded = try options.load()
            for notice in loaded.notices { Output.error("notice: \(notice)") }
            Output.line(loaded.render(json: json))
        }
    }
}
