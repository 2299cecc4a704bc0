import ArgumentParser
import GatewayConfiguration

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The flags that every command with a configuration has: the file, and what overrides it.
struct ConfigurationOptions: ParsableArguments {
    @Option(
        name: .shortAndLong, help: "The configuration file. Without it gateway.yaml is used if it is there.")
    var config: String?

    @Option(help: "Port of the API and the try-it page; 0 picks a free one.")
    var port: Int?

    @Option(name: .customLong("sse-port"), help: "Port of event streams; 0 picks a free one.")
    var eventStreamPort: Int?

    @Option(name: .customLong("ws-port"), help: "Port of WebSockets; 0 picks a free one.")
    var webSocketPort: Int?

    @Option(help: "Address to listen on.")
    var host: String?

    @Option(
        name: .customLong("mcp-servers"), help: "A JSON or YAML file with mcpServers, as desktop MCP clients write it.")
    var mcpServers: String?

    @Flag(help: "Debug mode: /mcp/echo, debug events, and a log of everything.")
    var debug = false

    @Option(name: .long, help: ArgumentHelp("Sets any key of the configuration.", valueName: "key=value"))
    var set: [String] = []

    /// Reads the configuration from all its sources.
    func load() throws -> LoadedConfiguration {
        let sources = ConfigurationSources(
            file: try file(), environment: ProcessInfo.processInfo.environment, flags: try flags())
        do throws(ConfigurationError) {
            return try GatewayConfiguration.load(sources)
        } catch {
            throw CommandFailure("the configuration is not valid:\n\(error)", code: 1)
        }
    }

    private func flags() throws(CommandFailure) -> [(key: String, value: String, flag: String)] {
        var list: [(key: String, value: String, flag: String)] = []
        for setting in set {
            let parts = setting.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else {
                throw CommandFailure("--set \(setting): expected key=value", code: 2)
            }
            list.append((String(parts[0]), String(parts[1]), "--set"))
        }
        if let port { list.append(("transports.http.port", "\(port)", "--port")) }
        if let eventStreamPort { list.append(("transports.http_sse.port", "\(eventStreamPort)", "--sse-port")) }
        if let webSocketPort { list.append(("transports.websocket.port", "\(webSocketPort)", "--ws-port")) }
        if let host { list.append(("listen.host", host, "--host")) }
        if let mcpServers {
            guard let data = FileManager.default.contents(atPath: mcpServers),
                let text = String(validating: data, as: UTF8.self)
            else { throw CommandFailure("\(mcpServers): the file is not there or cannot be read", code: 1) }
            list.append(("mcpServers", text, "--mcp-servers"))
        }
        if debug { list.append(("debug", "true", "--debug")) }
        return list
    }

    private func file() throws(CommandFailure) -> (path: String, text: String)? {
        let path = config ?? "gateway.yaml"
        guard let data = FileManager.default.contents(atPath: path) else {
            guard config != nil else { return nil }
            throw CommandFailure("\(path): the configuration file is not there or cannot be read", code: 1)
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw CommandFailure("\(path): the configuration file is not UTF-8", code: 1)
        }
        return (path, text)
    }
}
