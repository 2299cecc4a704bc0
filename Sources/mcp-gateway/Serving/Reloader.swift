import GatewayConfiguration
import GatewayMCP
import GatewayServer
import GatewayWebhooks
import Logging
import Synchronization
import WireJSON

/// Reads the configuration again while the gateway serves: what can change takes effect, what cannot is named.
final class Reloader: Sendable {
    private let options: ConfigurationOptions
    private let environment: [String: String]
    private let gateway: Gateway
    private let mcp: MCPDirectory
    private let webhooks: Webhooks
    private let recorder: SpanRecorder?
    private let logger: Logger
    /// What the gateway was started with: in effect for all keys that need a restart.
    private let started: LoadedConfiguration
    /// What is in effect for all others.
    private let current: Mutex<LoadedConfiguration>

    init(
        _ loaded: LoadedConfiguration, options: ConfigurationOptions, environment: [String: String], gateway: Gateway,
        mcp: MCPDirectory, webhooks: Webhooks, recorder: SpanRecorder?,
        logger: Logger
    ) {
        started = loaded
        current = Mutex(loaded)
        self.options = options
        self.environment = environment
        self.gateway = gateway
        self.mcp = mcp
        self.webhooks = webhooks
        self.recorder = recorder
        self.logger = logger
    }

    /// - Returns: JSON text: `{"reloaded": […], "restart_required": […]}`, or `error` and `reason`.
    @discardableResult
    func reload() async -> [UInt8] {
        gateway.reloadCertificates(isForced: true)
        do {
            let new = try options.load()
            let settings = try MCPSettings(new.configuration, environment: environment)
            let before = current.withLock { current in
                defer { current = new }
                return current
            }
            let changes = (live: new.changes(since: before).live, restart: new.changes(since: started).restart)
            gateway.apply(GatewaySettings(new.configuration, webhooks: webhooks, mcp: mcp))
            let tracing = new.configuration.tracing
            recorder?.change(ratio: tracing.sampleRatio, deliveryRatio: tracing.deliveryRatio)
            LogLevel.shared.set(Logger.Level(new.configuration))
            // Also when its text is the same: variables in it may have changed.
            await mcp.reload(settings.servers)
            tell(changes)
            return JSONWriter.object { writer in
                Self.write("reloaded", changes.live, to: &writer)
                Self.write("restart_required", changes.restart, to: &writer)
            }
        } catch {
            logger.error("configuration not reloaded; the one in use stays", metadata: ["reason": "\(error)"])
            return JSONWriter.object { writer in
                writer.member("error", "configuration_not_valid")
                writer.member("reason", "\(error)")
                writer.member("retry_after", raw: Array("null".utf8))
            }
        }
    }

    private func tell(_ changes: (live: [String], restart: [String])) {
        logger.notice(
            "configuration reloaded; mcpServers and certificates too",
            metadata: ["changed": "\(changes.live.isEmpty ? "nothing else" : changes.live.joined(separator: ", "))"])
        guard !changes.restart.isEmpty else { return }
        logger.warning(
            "these keys have changed and need a restart",
            metadata: ["keys": "\(changes.restart.joined(separator: ", "))"])
    }

    private static func write(_ name: String, _ keys: [String], to writer: inout JSONWriter) {
        writer.key(name)
        writer.array { list in keys.forEach { list.value($0) } }
    }
}
