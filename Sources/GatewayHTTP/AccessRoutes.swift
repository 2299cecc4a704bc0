import GatewayCore
import GatewayServer
import HTTPTypes
import Hummingbird
import NIOCore
import WireJSON

/// `/mcp/admin/blocklist` and `/mcp/admin/allowlist`: who may not connect and who always may. `/mcp/admin/suspects`: what is
/// held against addresses. `/mcp/admin/audit`: what administrators did.
enum AccessRoutes {
    private static let maxBody = 4096

    static func add(to router: Router<APIContext>, gateway: Gateway, access: AdminAccess) {
        for (path, kind) in [("/mcp/admin/blocklist", AccessList.Kind.block), ("/mcp/admin/allowlist", .allow)] {
            let path = RouterPath(path)
            router.on(path, method: .get) { request, context in
                if let refusal = access.refusal(of: request, context) { return refusal }
                return Response.json(.ok, list(gateway.accessList.filter { $0.kind == kind }))
            }
            router.on(path, method: .post) { request, context in
                if let refusal = access.refusal(of: request, context) { return refusal }
                return await add(kind, request, gateway)
            }
            router.on(path, method: .delete) { request, context in
                if let refusal = access.refusal(of: request, context) { return refusal }
                return remove(kind, request, gateway)
            }
            router.refuseOthers(than: [.get, .post, .delete], at: path, allow: "GET, HEAD, POST, DELETE")
        }
        router.only(.get, "/mcp/admin/suspects") { request, context in
            if let refusal = access.refusal(of: request, context) { return refusal }
            return Response.json(.ok, suspects(gateway.suspects))
        }
        router.only(.get, "/mcp/admin/audit") { request, context in
            if let refusal = access.refusal(of: request, context) { return refusal }
            return Response.json(
                .ok,
                JSONWriter.object { writer in
                    writer.key("entries")
                    writer.array { list in for line in gateway.auditEntries { list.raw(line) } }
                })
        }
    }

    private static func add(_ kind: AccessList.Kind, _ request: Request, _ gateway: Gateway) async -> Response {
        guard let body = try? await request.body.collect(upTo: maxBody) else {
            return Problems.response(.contentTooLarge, "message_too_large", "an entry may have \(maxBody) bytes")
        }
        let now = gateway.wallClock
        guard let entry = body.withUnsafeReadableBytes({ AccessList.Entry($0, kind: kind, now: now) }) else {
            return Problems.response(
                .unprocessableContent, "invalid_message",
                "give address (one, or a network such as 203.0.113.0/24) or client; perhaps reason and expires_in (seconds)"
            )
        }
        guard gateway.list(entry) else {
            return Problems.response(
                .serviceUnavailable, "overloaded", "as many entries as security.max_list_entries allows")
        }
        return Response.json(.ok, JSONWriter.object { entry.write(to: &$0) })
    }

    private static func remove(_ kind: AccessList.Kind, _ request: Request, _ gateway: Gateway) -> Response {
        let given = ["address", "client"].compactMap { word in
            request.uri.queryParameters[Substring(word)].flatMap { AccessList.Subject(word, String($0)) }
        }
        guard given.count == 1 else {
            return Problems.response(.badRequest, "bad_request", "say in the query which address or client")
        }
        guard gateway.unlist(kind, given[0]) else {
            return Problems.response(.notFound, "not_found", "no such entry")
        }
        return Response.json(.ok, JSONWriter.object { $0.member("removed", true) })
    }

    private static func list(_ entries: [AccessList.Entry]) -> [UInt8] {
        JSONWriter.object { writer in
            writer.key("entries")
            writer.array { list in for entry in entries { list.object { entry.write(to: &$0) } } }
        }
    }

    private static func suspects(_ suspects: [(address: String, points: Double)]) -> [UInt8] {
        JSONWriter.object { writer in
            writer.key("suspects")
            writer.array { list in
                for suspect in suspects {
                    list.object { item in
                        item.member("address", suspect.address)
                        item.member("score", suspect.points)
                    }
                }
            }
        }
    }
}
