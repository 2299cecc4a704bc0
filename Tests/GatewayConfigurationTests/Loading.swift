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

/// A generator whose failures can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = (seed &+ 1) &* 0xD6E8_FEB8_6659_FD93 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
