public import GatewayServer
import HTTPTypes
import Hummingbird
public import Logging
import NIOCore
import NIOHTTP1

/// The HTTP API apart from publishing: health, statistics, and the try-it page. Routes are Hummingbird's; connections are
/// the gateway's own, so that a request, a stream and a socket can share one port and one connection.
public struct GatewayAPI: APIResponder {
    private let responder: RouterResponder<APIContext>
    private let gateway: Gateway
    private let logger: Logger

    public init(
        gateway: Gateway, access: AdminAccess = AdminAccess(token: nil, isOpen: false),
        sources: AdminSources = AdminSources(), logger: Logger
    ) {
        let router = Router(context: APIContext.self)
        router.add(middleware: ProblemMiddleware())
        HealthRoutes.add(to: router, gateway: gateway)
        LifecycleRoutes.add(to: router, gateway: gateway, access: access)
        AccessRoutes.add(to: router, gateway: gateway, access: access)
        PageRoutes.add(to: router)
        DashboardRoutes.add(to: router, access: access)
        AdminRoutes(gateway: gateway, access: access, sources: sources).add(to: router)
        RevocationRoutes.add(to: router, gateway: gateway, access: access)
        responder = router.buildResponder()
        self.logger = logger
        self.gateway = gateway
    }

    public func respond(to request: APIRequest) async -> APIResponse {
        let response = await answer(request)
        if request.head.method != .GET, request.head.method != .HEAD, request.head.uri.hasPrefix("/mcp/admin") {
            gateway.note(adminRequest: request, status: Int(response.status.code))
        }
        return response
    }

    private func answer(_ request: APIRequest) async -> APIResponse {
        guard let method = HTTPRequest.Method(request.head.method.rawValue) else {
            return .json(.badRequest, Problems.json("bad_request", "the request's method is not valid"))
        }
        var fields = HTTPFields()
        for (name, value) in request.head.headers {
            if let name = HTTPField.Name(name) { fields.append(HTTPField(name: name, value: value)) }
        }
        // Hummingbird answers HEAD only where a route says so; a HEAD is a GET whose body stays behind.
        // No path has TRACE, and so every path says 405 to what nobody has heard of.
        let routed = method == .head ? .get : Problems.methods.contains(method) ? method : .trace
        let head = HTTPRequest(
            method: routed, scheme: "http",
            authority: request.head.headers.first(name: "host"), path: request.head.uri, headerFields: fields)
        let context = APIContext(
            source: APIContext.Source(logger: logger, isAdministrator: request.isAdministrator))
        do {
            let response = try await responder.respond(
                to: Request(head: head, body: RequestBody(buffer: request.body)), context: context)
            let collector = BodyCollector()
            try await response.body.write(collector)
            return APIResponse(
                status: HTTPResponseStatus(statusCode: response.status.code),
                headers: HTTPHeaders(response.headers.map { ($0.name.rawName, $0.value) }), body: collector.bytes)
        } catch {
            logger.error(
                "API route failed", metadata: ["path": "\(request.head.uri.prefix { $0 != "?" })", "error": "\(error)"])
            return .json(.internalServerError, Problems.json("internal_error", "the gateway failed; its log says why"))
        }
    }
}

/// What a route knows of its request.
struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// Whether it comes from an administrator, as a token of its own has proven.
    let isAdministrator: Bool

    struct Source: RequestContextSource {
        let logger: Logger
        let isAdministrator: Bool
    }

    init(source: Source) {
        coreContext = CoreRequestContextStorage(source: source)
        isAdministrator = source.isAdministrator
    }
}

/// Collects an answer's body.
private final class BodyCollector: ResponseBodyWriter {
    private(set) var bytes = ByteBuffer()

    func write(_ buffer: ByteBuffer) { bytes.writeImmutableBuffer(buffer) }

    func finish(_ trailingHeaders: HTTPFields?) {}
}
