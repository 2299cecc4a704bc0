import GatewayServer
import HTTPTypes
import Hummingbird
import WireJSON

/// `POST /mcp/admin/drain` and `/mcp/admin/reload`: what SIGTERM and SIGHUP do.
enum LifecycleRoutes {
    static func add(to router: Router<APIContext>, gateway: Gateway, access: AdminAccess) {
        router.only(.post, "/mcp/admin/drain") { request, context in
            if let refusal = access.refusal(of: request, context) { return refusal }
            guard let requests = gateway.requestsByAPI else { return Self.embedded }
            requests.drain()
            return Response.json(.accepted, JSONWriter.object { $0.member("status", "draining") })
        }
        router.only(.post, "/mcp/admin/reload") { request, context in
            if let refusal = access.refusal(of: request, context) { return refusal }
            guard let requests = gateway.requestsByAPI else { return Self.embedded }
            let json = await requests.reload()
            return Response.json(json.starts(with: Array("{\"error\"".utf8)) ? .unprocessableContent : .ok, json)
        }
    }

    private static var embedded: Response {
        Problems.response(.notImplemented, "not_implemented", "the program that embeds this gateway does not offer it")
    }
}
