import ArgumentParser
import GatewayConfiguration

/// `mcp-gateway config`
struct ShowConfiguration: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Prints the effective configuration and where each value comes from. Secrets stay hidden.",
        subcommands: [PrintSchema.self])

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

/// `mcp-gateway config schema`
struct PrintSchema: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Prints the JSON Schema of gateway.yaml, for editors and for checks.",
        discussion: """
            An editor that speaks YAML's language server finds it by a first line such as \
            `# yaml-language-server: $schema=gateway.schema.json`.
            """)

    func run() { Output.line(GatewayConfiguration.schema) }
}
