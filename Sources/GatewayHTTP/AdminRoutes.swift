import GatewayCore
import GatewayServer
import HTTPTypes
import Hummingbird
import NIOCore
import WireJSON

/// What administrators ask and do (contract §7, `/mcp/admin`). Everything needs the admin token.
struct AdminRoutes: Sendable {
    typealias Handler = @Sendable (Request, APIContext) async throws -> Response

    private let gateway: Gateway
    private let access: AdminAccess
    private let sources: AdminSources

    init(gateway: Gateway, access: AdminAccess, sources: AdminSources) {
        self.gateway = gateway
        self.access = access
        self.sources = sources
    }

    func add(to router: Router<APIContext>) {
        let gateway = gateway
        let sources = sources
        read("connection-stats", router) { _, _ in .json(.ok, await gateway.connectionStatistics()) }
        read("connections", router) { request, _ in
            let parameters = request.uri.queryParameters
            let query = try Self.asked { () throws(QueryProblem) in
                try ConnectionQuery { parameters[Substring($0)].map(String.init) }
            }
            return .json(.ok, await gateway.connections(query))
        }
        read("vsm", router) { _, _ in .json(.ok, gateway.viabilityReport()) }
        read("transports", router) { _, _ in .json(.ok, await gateway.transportHealth()) }
        read("pool", router) { _, _ in .json(.ok, await gateway.poolHealth()) }
        read("ring", router) { _, _ in .json(.ok, await gateway.ringDistribution()) }
        read("breakers", router) { _, _ in .json(.ok, await gateway.breakerStates()) }
        read("analysis", router) { _, _ in .json(.ok, await gateway.analysis()) }
        read("upstreams", router) { _, _ in .json(.ok, await sources.upstreams()) }
        read("calls", router) { _, _ in .json(.ok, sources.calls()) }
        read("old", router) { request, _ in
            let parameters = request.uri.queryParameters
            guard let hours = Double(parameters["hours"] ?? "24"), (0...1_000_000).contains(hours) else {
                throw Refusal(reason: "hours is a number from 0 to 1000000")
            }
            let limit = try Self.number(parameters["limit"], "limit", 1...ConnectionQuery.maximumLimit) ?? 100
            return .json(.ok, await gateway.oldConnections(hours: hours, limit: limit))
        }
        read("errors/:client_id", router) { request, context in
            let transport = request.uri.queryParameters["transport"].map(String.init)
            guard let json = gateway.clientErrors(pathPart: Self.client(context), transport: transport) else {
                return Self.unknownClient
            }
            return .json(.ok, json)
        }
        on("trace/:client_id", router, [.get: trace, .post: beginTrace, .delete: endTrace])
        on("cleanup", router, [.post: cleanUp])
        on("disconnect/:client_id", router, [.post: disconnect])
    }

    // MARK: - One client

    @Sendable private func trace(_ request: Request, _ context: APIContext) -> Response {
        guard let json = gateway.trace(pathPart: Self.client(context)) else { return Self.unknownClient }
        return .json(.ok, json)
    }

    @Sendable private func beginTrace(_ request: Request, _ context: APIContext) async throws -> Response {
        let body = try await AdminBody(request)
        let seconds = try body.number("ttl_seconds", 1...86_400)
        if let problem = gateway.beginTrace(
            pathPart: Self.client(context), for: seconds.map { .seconds(Int64($0)) })
        {
            throw Refusal(reason: problem.reason)
        }
        return .json(.ok, gateway.trace(pathPart: Self.client(context)) ?? [])
    }

    @Sendable private func endTrace(_ request: Request, _ context: APIContext) -> Response {
        let ended = gateway.endTrace(pathPart: Self.client(context))
        return .json(.ok, JSONWriter.object { $0.member("ended", ended) })
    }

    @Sendable private func disconnect(_ request: Request, _ context: APIContext) async throws -> Response {
        let json = await gateway.disconnect(pathPart: Self.client(context), reason: "closed by an administrator")
        return json.map { .json(.ok, $0) } ?? Self.unknownClient
    }

    @Sendable private func cleanUp(_ request: Request, _ context: APIContext) async throws -> Response {
        let body = try await AdminBody(request)
        let seconds = try body.number("max_idle_seconds", 0...1_000_000_000) ?? 300
        let isDryRun = try body.flag("dry_run") ?? false
        return .json(.ok, await gateway.cleanUp(idleFor: .seconds(Int64(seconds)), isDryRun: isDryRun))
    }

    private static func client(_ context: APIContext) -> String { context.parameters.get("client_id") ?? "" }

    private static var unknownClient: Response {
        Problems.response(.notFound, "unknown_client", "no client of this name is here or has been here lately")
    }

    // MARK: - Rules for all

    /// What is wrong with a question.
    struct Refusal: Error { let reason: String }

    private static func asked<Value>(_ body: () throws(QueryProblem) -> Value) throws(Refusal) -> Value {
        do throws(QueryProblem) { return try body() } catch { throw Refusal(reason: error.reason) }
    }

    private static func number(
        _ text: Substring?, _ name: String, _ range: ClosedRange<Int>
    ) throws(Refusal) -> Int? {
        guard let text else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw Refusal(reason: "\(name) is a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    private func read(_ path: String, _ router: Router<APIContext>, _ handler: @escaping Handler) {
        on(path, router, [.get: handler])
    }

    private func on(_ path: String, _ router: Router<APIContext>, _ handlers: [HTTPRequest.Method: Handler]) {
        let allowed = handlers.keys.map(\.rawValue).sorted().joined(separator: ", ")
        for method in Problems.methods {
            router.on(RouterPath("/mcp/admin/" + path), method: method) { request, context in
                if let refusal = access.refusal(of: request, context) { return refusal }
                guard let handler = handlers[method] else {
                    var response = Problems.response(.methodNotAllowed, "method_not_allowed", "use \(allowed)")
                    response.headers[.allow] = allowed
                    return response
                }
                do {
                    return try await handler(request, context)
                } catch let refusal as Refusal {
                    return Problems.response(.badRequest, "bad_request", refusal.reason)
                }
            }
        }
    }
}

/// The body of a request to do something: an object of numbers and flags, or nothing.
struct AdminBody {
    private var members: [(name: String, text: String)] = []

    init(_ request: Request) async throws {
        let bytes = try await request.body.collect(upTo: 65_536)
        guard bytes.readableBytes > 0 else { return }
        members = try bytes.withUnsafeReadableBytes { bytes in
            var found: [(String, String)] = []
            var scanner = JSONScanner(bytes, maxDepth: 8)
            do throws(JSONError) {
                if try scanner.beginObject() {
                    repeat {
                        let key = try scanner.key()
                        let value = try scanner.value()
                        found.append(
                            (
                                String(decoding: bytes[key], as: UTF8.self),
                                String(decoding: bytes[value], as: UTF8.self)
                            ))
                    } while try scanner.nextMember()
                }
                try scanner.finish()
            } catch { throw AdminRoutes.Refusal(reason: "the body is a JSON object, or empty") }
            return found
        }
    }

    private func text(_ name: String) -> String? {
        members.first { $0.name == name || $0.name == "\"\(name)\"" }?.text
    }

    func number(_ name: String, _ range: ClosedRange<Int>) throws -> Int? {
        guard let text = text(name) else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw AdminRoutes.Refusal(
                reason: "\(name) is a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    func flag(_ name: String) throws -> Bool? {
        switch text(name) {
        case nil: nil
        case "true": true
        case "false": false
        default: throw AdminRoutes.Refusal(reason: "\(name) is true or false")
        }
    }
}
