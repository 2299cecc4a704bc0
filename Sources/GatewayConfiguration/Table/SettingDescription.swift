/// One setting as it is documented.
public struct SettingDescription: Sendable, Equatable {
    /// Full key, `transports.http_sse.port`.
    public let key: String
    /// What it can be: `an integer from 0 to 65535`.
    public let expectation: String
    /// The default as it would stand in the file, or a phrase when it differs from machine to machine.
    public let defaultValue: String
    /// Environment variables that set it; the first one that is set wins.
    public let variables: [String]
    /// One line for people.
    public let help: String
}

extension GatewayConfiguration {
    /// Every setting, in the order of the documentation.
    public static var settings: [SettingDescription] {
        let defaults = GatewayConfiguration()
        return SettingTable.gateway.settings.map { setting in
            SettingDescription(
                key: setting.key, expectation: setting.expectation,
                defaultValue: setting.defaultNote ?? setting.shown(in: defaults).yaml,
                variables: setting.variables.map(\.name), help: setting.help)
        }
    }

    /// All settings as a Markdown table, for the documentation.
    public static var reference: String {
        let rows = settings.map { setting in
            let variables = setting.variables.map { "`\($0)`" }.joined(separator: ", ")
            return
                "| `\(setting.key)` | \(setting.defaultValue) | \(setting.help) | \(setting.expectation) | \(variables) |\n"
        }
        return "| Key | Default | Meaning | Accepts | Variables |\n|---|---|---|---|---|\n\(rows.joined())"
    }
}
