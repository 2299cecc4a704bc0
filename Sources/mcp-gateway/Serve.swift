import ArgumentParser
import GatewayConfiguration
import GatewayCore
import GatewayHTTP
import GatewayMCP
import GatewayServer
import GatewayStore
import GatewayWebhooks
import Logging
import NIOCore
import UnixSignals

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `mcp-gateway serve`
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs the gateway until SIGTERM or SIGINT.",
        discussion: """
            Prints one line `ready http=… http_sse=… websocket=…` to standard output when it accepts connections. \
            SIGTERM says goodbye to every client and waits for them; a second one stops at once. SIGHUP reads \
            certificates, keys and mcpServers again.
            """)

    @OptionGroup var options: ConfigurationOptions

    /// How long clients have to leave after SIGTERM.
    private static let drainTime = Instant.Span.seconds(8)

    func run() async throws {
        try await CommandFailure.reporting { try await serve() }
    }

    private func serve() async throws {
        let loaded = try options.load()
        let configuration = loaded.configuration
        LoggingSystem.bootstrap { label in
            GatewayLogHandler(label: label, level: .init(configuration), isJSON: Self.wantsJSON(configuration))
        }
        let logger = Logger(label: "gateway")
        for notice in loaded.notices { logger.notice("configuration", metadata: ["notice": "\(notice)"]) }
        DescriptorLimit.raise(logger)
        FileSizeSignal.ignore()

        // What can be wrong is found before there is something to shut down.
        let mcpSettings = try MCPSettings(configuration, environment: ProcessInfo.processInfo.environment)
        let webhooks = Webhooks(WebhookSettings(configuration))
        let gateway = Gateway(
            settings: GatewaySettings(configuration, webhooks: webhooks), store: configuration.storage.makeStore(),
            logger: logger)
        let mcp = MCPDirectory(
            settings: mcpSettings, logger: Logger(label: "mcp"))
        gateway.addStatistics("webhooks") { webhooks.writeStatistics(to: &$0) }
        // Trapped before the first connection, so that no signal is missed.
        let trapped = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let (signals, received) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(2))
        let forwarding = Task { for await _ in trapped { received.yield() } }
        defer { forwarding.cancel() }
        let reloads = await UnixSignalsSequence(trapping: .sighup)
        let reloading = Task {
            for await _ in reloads {
                gateway.reloadCertificates(isForced: true)
                await Self.reloadServers(mcp, options, logger)
            }
        }
        defer { reloading.cancel() }
        do {
            try await gateway.start(
                api: GatewayAPI(gateway: gateway, logger: logger), endpoints: mcp)
        } catch {
            await gateway.stop()
            await webhooks.shutdown()
            let place = error is StoreError ? "storage \(configuration.storage.path): " : ""
            throw CommandFailure("\(place)\(error)", code: 1)
        }
        announce(gateway)

        var iterator = signals.makeAsyncIterator()
        _ = await iterator.next()
        logger.info("draining")
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await gateway.drain(deadline: Self.drainTime) }
            group.addTask { for await _ in signals { return } }
            await group.next()
            group.cancelAll()
        }
        await mcp.stop()
        await gateway.stop()
        await webhooks.shutdown()
        logger.info("stopped")
    }

    /// Reads the configuration again, for the servers behind the gateway; what else has changed waits for a restart.
    private static func reloadServers(
        _ mcp: MCPDirectory, _ options: ConfigurationOptions, _ logger: Logger
    ) async {
        do {
            let configuration = try options.load().configuration
            await mcp.reload(
                try MCPSettings(configuration, environment: ProcessInfo.processInfo.environment).servers)
            logger.notice("mcpServers reloaded; other keys than these and certificates need a restart")
        } catch {
            logger.error("mcpServers not reloaded; those in use stay", metadata: ["reason": "\(error)"])
        }
    }

    private func announce(_ gateway: Gateway) {
        let addresses = gateway.addresses
        func place(_ service: GatewaySettings.Service) -> String {
            guard let address = addresses[service]?.first, let port = address.port else { return "" }
            let host = address.ipAddress ?? "127.0.0.1"
            return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
        func scheme(_ service: GatewaySettings.Service, _ plain: String) -> String {
            gateway.settings.tls[service] == nil ? plain : plain + "s"
        }
        let http = place(.http)
        let web = "\(scheme(.http, "http"))://\(http)"
        Output.error(
            """

              mcp-gateway \(Version.current)
              try it          \(web)/
              event streams   \(scheme(.eventStream, "http"))://\(place(.eventStream))/mcp/sse?client_id=YOU
              WebSocket       \(scheme(.webSocket, "ws"))://\(place(.webSocket))/mcp/ws   (Phoenix Channels)
              MCP             \(web)/mcp   (tools of all mcpServers)
              publish         curl -H 'content-type: application/json' \(web)/mcp/messages \\
                                -d '{"client_id":"YOU","type":"greeting","data":{"text":"hello"}}'

              Authentication is off: whoever reaches these ports may send and listen.

            """)
        Output.line("ready http=\(http) http_sse=\(place(.eventStream)) websocket=\(place(.webSocket))")
    }

    private static func wantsJSON(_ configuration: GatewayConfiguration) -> Bool {
        switch configuration.log.format {
        case .json: true
        case .text: false
        case .auto: !Terminal.isStandardError
        }
    }
}
