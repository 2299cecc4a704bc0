@testable import GatewayConfiguration

/// Loads a file named `gateway.yaml` with this text; the node is called `n1`.
func load(
    _ yaml: String? = nil, environment: [String: String] = [:],
    flags: [(key: String, value: String, flag: String)] = [], table: SettingTable = .gateway
) throws(ConfigurationError) -> LoadedConfiguration {
    let file = yaml.map { (path: "gateway.yaml", text: $0) }
    let sources = ConfigurationSources(file: file, environment: environment, flags: flags, hostName: "n1")
    return try ConfigurationMerge.load(sources, table: table)
}

/// The problems of the same, as printed; none when it loads.
func problems(
    _ yaml: String? = nil, environment: [String: String] = [:],
    flags: [(key: String, value: String, flag: String)] = [], table: SettingTable = .gateway
) -> [String] {
    do {
        _ = try load(yaml, environment: environment, flags: flags, table: table)
        return []
    } catch {
        return error.description.split(separator: "\n").map(String.init)
    }
}

/// The defaults of the node `n1`.
let defaults: GatewayConfiguration = {
    var configuration = GatewayConfiguration()
    configuration.cluster.nodeID = "n1"
    return configuration
}()
