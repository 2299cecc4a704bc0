import GatewayServer
import HTTPTypes
import Hummingbird

/// How the gateway and its clients are (contract §7).
enum HealthRoutes {
    static func add(to router: Router<APIContext>, gateway: Gateway) {
        router.only(.get, "/health/gateway") { _, _ in
            let (isReady, json) = await gateway.gatewayHealth()
            return Response.json(isReady ? .ok : .serviceUnavailable, json)
        }
        router.only(.get, "/mcp/stats") { _, _ in Response.json(.ok, await gateway.statistics()) }
        router.only(.get, "/metrics") { _, _ in
            Response(
                status: .ok,
                headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8", .cacheControl: "no-store"],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: await gateway.metrics())))
        }
        // Both forms stand in the original documents.
        router.only(.get, "/mcp/health/:client_id") { _, context in await client(gateway, context) }
        router.only(.get, "/mcp/health/client/:client_id") { _, context in await client(gateway, context) }
    }

    private static func client(_ gateway: Gateway, _ context: APIContext) async -> Response {
        guard let json = await gateway.clientHealth(pathPart: context.parameters.get("client_id") ?? "") else {
            return Problems.response(.notFound, "unknown_client", "no client of this name has been here lately")
        }
        return Response.json(.ok, json)
    }
}
