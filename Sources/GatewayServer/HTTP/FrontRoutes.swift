import GatewayCore
import NIOHTTP1
import WireJSON

extension Gateway {
    /// Decides what becomes of a request. Runs on the request's event loop.
    func route(_ request: FrontRequest, _ loop: LoopState) -> FrontDecision {
        let path = request.target.path
        var cors = HTTPHeaders()
        if let problem = screen(request, loop) { return .answer(.problem(problem)) }
        if settings.forceSSL, !request.isSecure, path != "/health", path != "/ready" {
            return .answer(Self.redirectToSecure(request, publicHost: settings.publicHost))
        }
        // For a year: browsers that have been here once do not try without encryption again (RFC 6797).
        if settings.forceSSL, request.isSecure {
            cors.add(name: "strict-transport-security", value: "max-age=31536000")
        }
        let endpoint = loop.endpoint(for: path, on: request.service)
        if path.hasPrefix("/mcp") || endpoint != nil {
            switch originPolicy.decide(request.head.headers) {
            case .notCrossOrigin: break
            case .allowed(let origin):
                cors.add(name: "access-control-allow-origin", value: origin)
                cors.add(name: "vary", value: "Origin")
                if request.head.method == .OPTIONS { return .answer(preflight(cors, request.head.headers)) }
                if endpoint != nil {
                    cors.add(
                        name: "access-control-expose-headers",
                        value: "Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate")
                }
            case .refused:
                accessGuard.refusals.count(.origin)
                return .answer(
                    .problem(
                        Problem(
                            403, "origin_not_allowed", "pages of this origin may not connect: add it to cors.origin")))
            }
        }
        if let metadata = resourceMetadata(request, loop) { return .answer(metadata) }
        if let endpoint {
            guard originPolicy.acceptsHost(request.head.headers) else {
                accessGuard.refusals.count(.host)
                return .answer(
                    .problem(
                        Problem(
                            421, "host_not_allowed", "this gateway does not go by that name: see listen.public_host")))
            }
            guard admitsClients else { return .answer(.problem(.draining)) }
            do throws(Problem) {
                if Self.isAdministrative(path) { try guardAdministration(request) }
                _ = try caller(request)
            } catch {
                let isAdmin = Self.isAdministrative(path)
                return .answer(
                    APIResponse.problem(error).challenging(
                        error, metadata: isAdmin ? nil : metadataAddress(request),
                        scope: error.status == 403 && !isAdmin ? "mcp" : nil
                    ).adding(cors))
            }
            return .endpoint(endpoint, cors)
        }
        do throws(Problem) {
            switch path {
            case "/mcp/sse" where request.service != .webSocket:
                try allow([.GET], request)
                let principal = try requirePrincipal(request)
                if !request.hasWaited, let client = ClientID(request.clientIDText ?? principal?.subject ?? ""),
                    principal?.mayBe(client) ?? true, mustRestore(client)
                {
                    return .restore([client])
                }
                return .stream(try eventStream(request, cors, loop), .eventStream)
            case "/mcp/ws", "/mcp/ws/websocket":
                guard request.service != .eventStream else { break }
                try allow([.GET], request)
                return .stream(try phoenixSocket(request, loop), .webSocket)
            case Self.longPollPath where request.service != .eventStream:
                try allow([.GET, .POST], request)
                return try longPoll(request, cors, loop)
            case "/mcp/echo" where request.service != .eventStream && settings.debug:
                try allow([.GET], request)
                return .stream(try echoSocket(request, loop), .webSocket)
            case "/mcp/messages" where request.service == .http:
                try allow([.POST], request)
                return try messages(request, cors, loop)
            case "/mcp/events" where request.service == .http:
                try allow([.GET], request)
                return .stream(try operationStream(request, cors, loop), .eventStream)
            case "/mcp/push" where request.service != .webSocket:
                try allow([.POST], request)
                return try push(request, cors, loop)
            case "/mcp/ticket" where request.service != .webSocket:
                try allow([.POST], request)
                return .answer(try issueTicket(request, loop).adding(cors))
            case "/mcp/access_token" where request.service != .webSocket:
                try allow([.POST], request)
                return .answer(try refreshToken(request).adding(cors))
            case "/health":
                try allow([.GET, .HEAD], request)
                return .answer(.json(.ok, JSONWriter.object { $0.member("status", "ok") }))
            case "/ready":
                try allow([.GET, .HEAD], request)
                let isReady = currentPhase == .serving
                return .answer(
                    .json(
                        isReady ? .ok : .serviceUnavailable,
                        JSONWriter.object { $0.member("status", isReady ? "ready" : "draining") }))
            default:
                guard let messages = loop.messageEndpoint(for: path, on: request.service) else {
                    if request.service == .http { try authorizeAPI(request) }
                    break
                }
                try allow([.GET], request)
                return .stream(try messageSocket(request, messages, loop), .webSocket)
            }
        } catch {
            // A browser's stream goes on trying whatever it is told, but for this (contract §4).
            if path == "/mcp/sse", request.identity.failure == .revoked {
                return .answer(APIResponse(status: .noContent, headers: cors))
            }
            var response =
                path == Self.longPollPath
                ? LongPollAnswer.problem(error, isPoll: request.head.method == .GET) : .problem(error)
            response = response.challenging(error).adding(cors)
            if error.status == 405 { response.headers.add(name: "allow", value: error.allowedMethods) }
            if error.status == 426 {
                response.headers.add(name: "upgrade", value: "websocket");
                response.headers.add(name: "sec-websocket-version", value: "13")
            }
            return .answer(response)
        }
        guard request.service == .http else {
            return .answer(
                .problem(Problem(404, "not_found", "not on this port; the whole gateway is on transports.http.port")))
        }
        return .api(cors)
    }

    /// The same place, encrypted. The method stays what it is.
    private static func redirectToSecure(_ request: FrontRequest, publicHost: String?) -> APIResponse {
        guard let host = publicHost ?? request.head.headers.first(name: "host"), request.head.uri.hasPrefix("/") else {
            return .problem(.badRequest("use https"))
        }
        let isRead = request.head.method == .GET || request.head.method == .HEAD
        return APIResponse(
            status: isRead ? .movedPermanently : .temporaryRedirect,
            headers: ["location": "https://\(host)\(request.head.uri)"])
    }

    private func allow(_ methods: [HTTPMethod], _ request: FrontRequest) throws(Problem) {
        guard !methods.contains(request.head.method) else { return }
        throw .methodNotAllowed(methods.map(\.rawValue))
    }

    private func preflight(_ cors: HTTPHeaders, _ request: HTTPHeaders) -> APIResponse {
        var headers = cors
        settings.preflight.answer(request, into: &headers)
        return APIResponse(status: .noContent, headers: headers)
    }
}

extension APIResponse {
    func adding(_ headers: HTTPHeaders) -> APIResponse {
        var copy = self
        copy.headers.add(contentsOf: headers)
        return copy
    }
}
