import GatewayCore
import NIOCore
import NIOHTTP1
import PhoenixProtocol
import WebSocketProtocol
import WireJSON

/// A whole request, on its event loop.
struct FrontRequest {
    let head: HTTPRequestHead
    let target: RequestTarget
    let body: ByteBuffer
    let service: GatewaySettings.Service
    let remoteAddress: SocketAddress?

    /// The client id of the query, or of the header.
    var clientIDText: String? { target["client_id"] ?? head.headers.first(name: "x-client-id") }
}

/// What becomes of a request.
enum FrontDecision {
    /// It is answered at once.
    case answer(APIResponse)
    /// The API answers it; these headers are added.
    case api(HTTPHeaders)
    /// It opens a stream.
    case stream(ConnectionEngine, GatewaySettings.Service)
    /// An endpoint answers it on this event loop; these headers are added.
    case endpoint(any LoopEndpoint, HTTPHeaders)
}

extension Gateway {
    /// Decides what becomes of a request. Runs on the request's event loop.
    func route(_ request: FrontRequest, _ loop: LoopState) -> FrontDecision {
        let path = request.target.path
        var cors = HTTPHeaders()
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
                return .answer(
                    .problem(
                        Problem(
                            403, "origin_not_allowed", "pages of this origin may not connect: add it to cors.origin")))
            }
        }
        if let endpoint {
            guard originPolicy.acceptsHost(request.head.headers) else {
                return .answer(
                    .problem(
                        Problem(
                            421, "host_not_allowed", "this gateway does not go by that name: see listen.public_host")))
            }
            guard currentPhase == .serving else { return .answer(.problem(.draining)) }
            return .endpoint(endpoint, cors)
        }
        do throws(Problem) {
            switch path {
            case "/mcp/sse" where request.service != .webSocket:
                try allow([.GET], request)
                return .stream(try eventStream(request, cors, loop), .eventStream)
            case "/mcp/ws", "/mcp/ws/websocket":
                guard request.service != .eventStream else { break }
                try allow([.GET], request)
                return .stream(try phoenixSocket(request, loop), .webSocket)
            case "/mcp/echo" where request.service != .eventStream && settings.debug:
                try allow([.GET], request)
                return .stream(try echoSocket(request, loop), .webSocket)
            case "/mcp/messages" where request.service == .http:
                try allow([.POST], request)
                return .answer(try messages(request, loop).adding(cors))
            case "/mcp/events" where request.service == .http:
                try allow([.GET], request)
                return .stream(try operationStream(request, cors, loop), .eventStream)
            case "/mcp/push" where request.service != .webSocket:
                try allow([.POST], request)
                return .answer(try push(request, loop).adding(cors))
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
            default: break
            }
        } catch {
            var response = APIResponse.problem(error).adding(cors)
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

    private func allow(_ methods: [HTTPMethod], _ request: FrontRequest) throws(Problem) {
        guard !methods.contains(request.head.method) else { return }
        throw .methodNotAllowed(methods.map(\.rawValue))
    }

    private func preflight(_ cors: HTTPHeaders, _ request: HTTPHeaders) -> APIResponse {
        var headers = cors
        headers.add(name: "access-control-allow-methods", value: "GET, POST, DELETE, OPTIONS")
        // What is asked for is what is allowed, where it is known: names such as Mcp-Param-… cannot be listed.
        let known = ["authorization", "accept", "content-type", "x-client-id", "last-event-id", "traceparent"]
        let asked = request[canonicalForm: "access-control-request-headers"].map { $0.lowercased() }
        let allowed = asked.filter { known.contains($0) || $0.hasPrefix("mcp-") }
        headers.add(
            name: "access-control-allow-headers",
            value: allowed.isEmpty
                ? "Authorization, Accept, Content-Type, X-Client-ID, Last-Event-ID, Mcp-Session-Id, MCP-Protocol-Version"
                : allowed.joined(separator: ", "))
        headers.add(name: "access-control-max-age", value: "86400")
        return APIResponse(status: .noContent, headers: headers)
    }

    private func clientID(_ request: FrontRequest) throws(Problem) -> ClientID {
        guard let text = request.clientIDText, !text.isEmpty else { throw .clientIDRequired }
        guard let id = ClientID(text) else { throw .invalidClientID }
        return id
    }

    // MARK: - Streams

    private func eventStream(
        _ request: FrontRequest, _ cors: HTTPHeaders, _ loop: LoopState
    ) throws(Problem) -> EventStreamEngine {
        guard currentPhase == .serving else { throw .draining }
        let client = try clientID(request)
        var stream = EventStreamRequest(clientID: client)
        if let id = request.head.headers.first(name: "last-event-id") ?? request.target["last_event_id"] {
            stream.resume = ResumePoint(text: id)
        }
        try automatic(request, &stream)
        if let topics = request.target["topics"] {
            stream.topics = topics.split(separator: ",").map(String.init)
            guard stream.topics.allSatisfy(Name.isValid) else { throw .badRequest("a topic must have " + Name.rule) }
            guard stream.topics.count <= sessionLimits.maxTopics else {
                throw .tooManyTopics(sessionLimits)
            }
        }
        stream.isIndependent = request.target["delivery"] == "all"
        stream.wantsDebug = request.target["debug"] == "true" && settings.debug
        try encoding(request, &stream)
        stream.extraHeaders = cors.map { ($0.name, $0.value) }
        // Refused before the stream begins, as far as it can be known.
        if let handle = directory.find(client) {
            guard handle.session.withLock(\.connectionCount) < sessionLimits.maxConnections else {
                throw .tooManyConnections(sessionLimits)
            }
        } else if directory.isFull {
            throw .tooManySessions
        }
        return EventStreamEngine(stream, loop: loop)
    }

    private func automatic(_ request: FrontRequest, _ stream: inout EventStreamRequest) throws(Problem) {
        guard let resume = request.target["resume"] else { return }
        guard resume == "auto" else { throw .badRequest("resume can only be auto") }
        if stream.resume == .none { stream.resume = .automatic }
    }

    private func encoding(_ request: FrontRequest, _ stream: inout EventStreamRequest) throws(Problem) {
        switch AcceptEncoding.choose(
            request.head.headers[canonicalForm: "accept-encoding"].map(String.init),
            offersGzip: settings.eventStreamCompression)
        {
        case .gzip: stream.isCompressed = true
        case .identity: break
        case .nothing:
            throw Problem(406, "not_acceptable", "Accept-Encoding leaves neither gzip nor identity")
        }
    }

    /// `GET /mcp/events`: what clients sent and no other route took, for back ends.
    private func operationStream(
        _ request: FrontRequest, _ cors: HTTPHeaders, _ loop: LoopState
    ) throws(Problem) -> EventStreamEngine {
        guard currentPhase == .serving else { throw .draining }
        var stream = EventStreamRequest(clientID: nil)
        if let id = request.head.headers.first(name: "last-event-id") ?? request.target["last_event_id"] {
            stream.resume = ResumePoint(text: id)
        }
        try automatic(request, &stream)
        try encoding(request, &stream)
        stream.extraHeaders = cors.map { ($0.name, $0.value) }
        return EventStreamEngine(stream, loop: loop)
    }

    private func phoenixSocket(_ request: FrontRequest, _ loop: LoopState) throws(Problem) -> PhoenixEngine {
        let wantsCompression = request.target["compression"] != "false"
        let opening = try upgrade(request, subprotocols: ["phoenix"], compression: wantsCompression)
        guard let version = PhoenixVersion(parameter: request.target["vsn"]) else {
            throw Problem(403, "unsupported_vsn", "vsn must be absent, 1.x or 2.x")
        }
        var phoenix = PhoenixRequest(version: version)
        if let text = request.clientIDText, !text.isEmpty {
            guard let id = ClientID(text) else { throw .invalidClientID }
            phoenix.clientID = id
        }
        if let id = request.target["last_event_id"] { phoenix.resume = ResumePoint(text: id) }
        if request.target["resume"] == "auto", phoenix.resume == .none { phoenix.resume = .automatic }
        phoenix.isIndependent = request.target["delivery"] == "all"
        return PhoenixEngine(phoenix, opening: opening, loop: loop)
    }

    private func echoSocket(_ request: FrontRequest, _ loop: LoopState) throws(Problem) -> EchoEngine {
        // Autobahn|Testsuite ends its 65,536 fragments of case 9.3.1 with an empty one more.
        let limits = WebSocketLimits(maxFrameSize: 16 << 20, maxMessageSize: 16 << 20, maxFragments: 1 << 17)
        return EchoEngine(
            opening: try upgrade(request, subprotocols: [], compression: true), limits: limits, loop: loop)
    }

    /// Checks the opening handshake (RFC 6455 §4.2.1) and writes the answer to it.
    private func upgrade(
        _ request: FrontRequest, subprotocols: [String], compression: Bool
    ) throws(Problem) -> SocketEngine.Opening {
        guard currentPhase == .serving else { throw .draining }
        let headers = request.head.headers
        guard request.head.version.major > 1 || request.head.version.minor >= 1,
            headers[canonicalForm: "upgrade"].contains(where: { $0.lowercased() == "websocket" }),
            headers[canonicalForm: "connection"].contains(where: { $0.lowercased() == "upgrade" })
        else { throw Problem(426, "upgrade_required", "open this path as a WebSocket") }
        guard headers.first(name: "sec-websocket-version") == "13" else {
            throw Problem(426, "upgrade_required", "Sec-WebSocket-Version must be 13")
        }
        guard let key = headers.first(name: "sec-websocket-key"), let accept = Handshake.acceptValue(forKey: key) else {
            throw .badRequest("Sec-WebSocket-Key must be the base64 form of 16 bytes")
        }
        let offered = headers[canonicalForm: "sec-websocket-protocol"].map(String.init)
        let chosen = offered.first { subprotocols.contains($0) }
        var text = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        text += "Sec-WebSocket-Accept: \(accept)\r\n"
        if let chosen { text += "Sec-WebSocket-Protocol: \(chosen)\r\n" }
        let offers = headers.filter { $0.name.lowercased() == "sec-websocket-extensions" }.map(\.value)
        let deflate =
            compression && settings.webSocketCompression ? PerMessageDeflate.negotiate(offers) : nil
        if let deflate { text += "Sec-WebSocket-Extensions: \(deflate.response)\r\n" }
        return SocketEngine.Opening(answer: Array((text + "\r\n").utf8), deflate: deflate)
    }

    // MARK: - Messages

    private func requireJSON(_ request: FrontRequest) throws(Problem) {
        guard let type = request.head.headers.first(name: "content-type") else { return }
        let media = type.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
        guard media == "application/json" || media.hasSuffix("+json") else {
            throw Problem(415, "unsupported_media_type", "send JSON with the header Content-Type: application/json")
        }
    }

    /// `POST /mcp/messages`
    private func messages(_ request: FrontRequest, _ loop: LoopState) throws(Problem) -> APIResponse {
        try requireJSON(request)
        let result = request.body.withUnsafeReadableBytes { bytes -> Swift.Result<PublishOutcome, Problem> in
            Swift.Result { () throws(Problem) in
                let parsed = try PublishRequest(bytes, maxDepth: settings.maxJSONDepth)
                return try publish(parsed, &loop.context)
            }
        }
        return .json(.accepted, try result.get().json)
    }

    /// `POST /mcp/push`: the way up for clients of event streams.
    private func push(_ request: FrontRequest, _ loop: LoopState) throws(Problem) -> APIResponse {
        try requireJSON(request)
        let result = request.body.withUnsafeReadableBytes { bytes -> Swift.Result<APIResponse, Problem> in
            Swift.Result { () throws(Problem) in
                let parsed = try PublishRequest(bytes, maxDepth: settings.maxJSONDepth)
                return try push(parsed, request, loop)
            }
        }
        return try result.get()
    }

    private func push(
        _ parsed: PublishRequest, _ request: FrontRequest, _ loop: LoopState
    ) throws(Problem) -> APIResponse {
        guard let text = parsed.clientID ?? request.clientIDText, !text.isEmpty else { throw .clientIDRequired }
        guard let client = ClientID(text) else { throw .invalidClientID }
        let now = loop.now
        let admitted = directory.withSession(client, now: now) { handle, session in
            session.messagesReceived += 1
            session.lastActivity = now
            return (handle, settings.rateLimit.admit(&session.rateUsage, now: now), session.rateUsage)
        }
        guard let (handle, decision, usage) = admitted else { throw .tooManySessions }
        if case .refused(let wait) = decision {
            return APIResponse.problem(.rateLimited(retryAfter: wait.roundedUpSeconds)).adding(rateHeaders(usage, now))
        }
        let accepted = try accept(parsed, from: handle, &loop.context)
        return APIResponse.json(.accepted, accepted.json).adding(rateHeaders(usage, now))
    }

    /// The state of a client's rate limit (contract §7).
    func rateHeaders(_ usage: RateLimit.Usage, _ now: Instant) -> HTTPHeaders {
        let limit = settings.rateLimit
        return [
            "X-RateLimit-Limit": "\(limit.burst)",
            "X-RateLimit-Remaining": "\(limit.remaining(usage, now: now))",
            "X-RateLimit-Reset": "\((limit.reset(usage, now: now).nanoseconds + 999_999_999) / 1_000_000_000)",
        ]
    }
}

extension APIResponse {
    fileprivate func adding(_ headers: HTTPHeaders) -> APIResponse {
        var copy = self
        copy.headers.add(contentsOf: headers)
        return copy
    }
}
