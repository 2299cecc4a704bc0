import ArgumentParser
import GatewayConfiguration
import GatewayCore
import GatewayHTTP
import GatewayMCP
import GatewayServer
import GatewayStore
import GatewayWebhooks
import JSONSchema
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
            SIGTERM drains: not ready for drain.delay, then every client is sent away at drain.rate and calls that are \
            under way are waited for, within drain.timeout; a second SIGTERM stops at once. SIGHUP reads certificates, \
            mcpServers and the keys that can change again, and names those that need a restart. NOTIFY_SOCKET, \
            WATCHDOG_USEC and LISTEN_FDS are understood as systemd has them (sd_notify, sd_listen_fds).
            """)

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        try await CommandFailure.reporting { try await serve() }
    }

    private func serve() async throws {
        let loaded = try options.load()
        let configuration = loaded.configuration
        LogLevel.shared.set(Logger.Level(configuration))
        LoggingSystem.bootstrap { GatewayLogHandler(label: $0, isJSON: Self.wantsJSON(configuration)) }
        let logger = Logger(label: "gateway")
        for notice in loaded.notices { logger.notice("configuration", metadata: ["notice": "\(notice)"]) }
        DescriptorLimit.raise(logger)
        FileSizeSignal.ignore()

        // What can be wrong is found before there is something to shut down.
        let environment = ProcessInfo.processInfo.environment
        var mcpSettings = try MCPSettings(configuration, environment: environment)
        let sockets = try InheritedSockets.take(environment: environment)
        let token = try AdminToken(configuration)
        let schemas = try SchemaSet.read(configuration.validation.schemas)
        // Before whatever asks for the tracer of the process.
        let tracing = TracingParts(configuration, logger: logger)
        mcpSettings.tracing = tracing?.recorder
        let authentication = try await AuthenticationSettings.make(configuration, logger)
        let webhooks = Webhooks(WebhookSettings(configuration))
        let mcp = MCPDirectory(
            settings: mcpSettings, logger: Logger(label: "mcp"))
        var settings = GatewaySettings(
            configuration, webhooks: webhooks, mcp: mcp, authentication: authentication)
        settings.inheritedSockets = sockets
        settings.tracing = tracing?.recorder
        settings.adminToken = token.text
        do {
            try settings.protection.keep(configuration)
        } catch {
            // Its client must not be left running when the start ends here.
            await webhooks.shutdown()
            throw error
        }
        settings.validation.schemas = schemas
        let gateway = Gateway(settings: settings, store: configuration.storage.makeStore(), logger: logger)
        if let exporter = tracing?.exporter {
            gateway.addStatistics("tracing") { exporter.writeStatistics(to: &$0) }
            gateway.addMetrics { exporter.writeMetrics(to: &$0) }
        }
        let exporting = Task { await tracing?.exporter.run() }
        gateway.addStatistics("webhooks") { webhooks.writeStatistics(to: &$0) }
        gateway.addUpstreams { await mcp.figures() }
        gateway.addServers(mcp.processShare) { await mcp.stopIdleProcesses($0) }
        gateway.addServers(mcp.connectionShare) { await mcp.closeConnections($0) }
        gateway.addUpstreams { webhooks.figures }
        let access = AdminAccess(configuration, token: token)
        let feed = SnapshotFeed(gateway: gateway)
        let sources = AdminSources(upstreams: { await mcp.upstreams() }, calls: { mcp.recentCalls() })
        // Trapped before the first connection, so that no signal is missed.
        let trapped = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let (signals, received) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(2))
        let forwarding = Task { for await _ in trapped { received.yield() } }
        defer { forwarding.cancel() }
        let notifications = ServiceNotifications(environment: environment)
        let reloader = Reloader(
            loaded, options: options, environment: environment, gateway: gateway, mcp: mcp, webhooks: webhooks,
            recorder: tracing?.recorder, logger: logger)
        let reloads = await UnixSignalsSequence(trapping: .sighup)
        let reloading = Task {
            for await _ in reloads {
                notifications?.reloading()
                await reloader.reload()
                notifications?.ready()
            }
        }
        defer { reloading.cancel() }
        gateway.onRequests(Gateway.Requests(drain: { received.yield() }, reload: { await reloader.reload() }))
        do {
            try await gateway.start(
                api: GatewayAPI(gateway: gateway, access: access, sources: sources, logger: logger),
                endpoints: [
                    mcp,
                    AdminStreams(access: access, feed: feed, maxUnsentBytes: configuration.dashboard.maxUnsentBytes),
                ])
        } catch {
            await gateway.stop()
            await webhooks.shutdown()
            exporting.cancel()
            await tracing?.exporter.shutdown()
            let place = error is StoreError ? "storage \(configuration.storage.path): " : ""
            throw CommandFailure("\(place)\(error)", code: 1)
        }
        let signalling = Task { await webhooks.tellOperator(of: gateway.viability.bus, logger) }
        announce(gateway, token)
        notifications?.ready()
        let watchdog = Task { await Self.watch(gateway, notifications) }
        defer { watchdog.cancel() }

        var iterator = signals.makeAsyncIterator()
        _ = await iterator.next()
        notifications?.stopping()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await gateway.drain() }
            group.addTask { for await _ in signals { return } }
            await group.next()
            group.cancelAll()
        }
        await feed.stop()
        await mcp.stop()
        await gateway.stop()
        signalling.cancel()
        await signalling.value
        await webhooks.shutdown()
        exporting.cancel()
        await exporting.value
        await tracing?.exporter.shutdown()
        logger.info("stopped")
    }

    /// Tells the watchdog that the gateway lives, as long as every event loop answers.
    private static func watch(_ gateway: Gateway, _ notifications: ServiceNotifications?) async {
        guard let notifications, let interval = notifications.watchdogInterval else { return }
        repeat {
            if await gateway.answers() { notifications.alive() }
        } while (try? await Task.sleep(for: interval / 3)) != nil
    }

    private func announce(_ gateway: Gateway, _ token: AdminToken) {
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
        let access =
            gateway.isAuthenticated
            ? "Authentication is on: clients need a token."
            : "Authentication is off: whoever reaches these ports may send and listen."
        Output.error(
            """

              mcp-gateway \(Version.current)
              try it          \(web)/
              dashboard       \(web)/metrics/dashboard\(token.link)
              event streams   \(scheme(.eventStream, "http"))://\(place(.eventStream))/mcp/sse?client_id=YOU
              WebSocket       \(scheme(.webSocket, "ws"))://\(place(.webSocket))/mcp/ws   (Phoenix Channels)
              MCP             \(web)/mcp   (tools of all mcpServers)
              publish         curl -H 'content-type: application/json' \(web)/mcp/messages \\
                                -d '{"client_id":"YOU","type":"greeting","data":{"text":"hello"}}'

              \(access)

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
