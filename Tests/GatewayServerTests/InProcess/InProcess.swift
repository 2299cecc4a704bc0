import GatewayCore
import GatewayStore
import Logging
import NIOCore
import Testing

@testable import GatewayServer

/// Everything that starts a gateway: one test after another, because they count descriptors and memory of the process.
@Suite(.serialized)
enum InProcess {}

extension InProcess {
    /// Answers each request with its own path, so that answers can be told apart.
    struct Echo: APIResponder {
        func respond(to request: APIRequest) async -> APIResponse {
            APIResponse(status: .ok, body: ByteBuffer(string: "api \(request.head.uri)"))
        }
    }

    static func settings(eventLoops: Int = 1) -> GatewaySettings {
        var settings = GatewaySettings()
        settings.hosts = ["127.0.0.1"]
        settings.ports = [.http: 0, .eventStream: 0, .webSocket: 0]
        settings.eventLoops = eventLoops
        return settings
    }

    /// Runs `body` beside a gateway, which is stopped afterwards whatever happens.
    static func withGateway<Result>(
        _ settings: GatewaySettings = settings(), api: any APIResponder = Echo(),
        endpoints: [any EndpointProvider] = [], store: (any MessageStore)? = nil,
        _ body: (Gateway) async throws -> Result
    ) async throws -> Result {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let gateway = Gateway(settings: settings, store: store, logger: logger)
        do {
            try await gateway.start(api: api, endpoints: endpoints)
            let result = try await body(gateway)
            await gateway.stop()
            return result
        } catch {
            await gateway.stop()
            throw error
        }
    }

    /// Runs `body` on the only event loop of `gateway`.
    static func onLoop<Figure: Sendable>(
        _ gateway: Gateway, _ body: @escaping @Sendable (LoopState) -> Figure
    ) async throws -> Figure {
        let figures = await gateway.collect(body)
        try #require(figures.count == 1)
        return figures[0]
    }
}

extension Gateway {
    func port(_ service: GatewaySettings.Service) throws -> Int {
        try #require(addresses[service]?.first?.port)
    }
}
