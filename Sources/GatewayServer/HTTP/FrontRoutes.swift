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
    /// Who sent it: the peer, or whom a trusted proxy names.
    let remoteAddress: SocketAddress?
    /// Whether it was encrypted on its way.
    var isSecure = false
    /// Who gives an answer that has to wait, on which event loop.
    var front: NIOLoopBound<HTTPFront>?
    /// What it has shown of who sent it.
    var identity = RequestIdentity.open
    /// Whether it has waited for the storage already.
    var hasWaited = false

    /// The client id of the query, or of the header.
    var clientIDText: String? { target["client_id"] ?? head.headers.first(name: "x-client-id") }
}

/// What becomes of a request.
enum FrontDecision {
    /// It is answered at once.
    case answer(APIResponse)
    /// It is answered when what it brought is stored.
    case later
    /// It is decided again when what is stored for these clients has been read.
    case restore([ClientID])
    /// The API answers it; these headers are added.
    case api(HTTPHeaders)
    /// It opens a stream.
    case stream(ConnectionEngine, GatewaySettings.Service)
    /// An endpoint answers it on this event loop; these headers are added.
    case endpoint(any LoopEndpoint, HTTPHeaders)
    /// A long-poll session answers it, perhaps later.
    case longPoll(LongPollCall)
}

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

    // MARK: - Streams

    private func eventStream(
        _ request: FrontRequest, _ cors: HTTPHeaders, _ loop: LoopState
    ) throws(Problem) -> EventStreamEngine {
        guard admitsClients else { throw admission.later(.draining) }
        let principal = try requirePrincipal(request)
        let client = try client(request.clientIDText, of: principal)
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
            for topic in stream.topics { try require(.subscribe, topic, of: principal) }
        }
        stream.isIndependent = request.target["delivery"] == "all"
        if let name = request.target["slow_consumer_policy"] {
            stream.slowConsumerPolicy = try slowConsumerPolicy(named: name)
        }
        stream.followsViability = request.target["vsm"] == "true"
        stream.wantsDebug = request.target["debug"] == "true" && settings.debug
        stream.isSealed = try wantsEncryption(request)
        try encoding(request, &stream)
        // What is encrypted cannot be made smaller.
        if stream.isSealed { stream.isCompressed = false }
        stream.extraHeaders = cors.map { ($0.name, $0.value) }
        // Refused before the stream begins, as far as it can be known.
        if let handle = directory.find(client) {
            guard handle.session.withLock(\.connectionCount) < sessionLimits.maxConnections else {
                throw .tooManyConnections(sessionLimits)
            }
        } else if directory.isFull {
            throw admission.later(.tooManySessions)
        } else if storage != nil, directory.findOrBegin(client, now: loop.now) == nil {
            throw directory.refusal(client)
        }
        let engine = EventStreamEngine(stream, loop: loop)
        engine.identify(principal, isPlaced: false)
        return engine
    }

    /// Whether a client wants its messages encrypted.
    private func wantsEncryption(_ request: FrontRequest) throws(Problem) -> Bool {
        guard let name = request.target["encryption"] else { return false }
        guard name == "aes-256-gcm", settings.encryption != nil else {
            throw .badRequest("encryption can only be aes-256-gcm, with security.encryption_keys")
        }
        return true
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
        guard admitsClients else { throw admission.later(.draining) }
        let principal = try requirePrincipal(request)
        try require(.service, of: principal)
        var stream = EventStreamRequest(clientID: nil)
        if let id = request.head.headers.first(name: "last-event-id") ?? request.target["last_event_id"] {
            stream.resume = ResumePoint(text: id)
        }
        try automatic(request, &stream)
        try encoding(request, &stream)
        stream.extraHeaders = cors.map { ($0.name, $0.value) }
        let engine = EventStreamEngine(stream, loop: loop)
        engine.identify(principal, isPlaced: false)
        return engine
    }

    private func phoenixSocket(_ request: FrontRequest, _ loop: LoopState) throws(Problem) -> PhoenixEngine {
        let isSealed = try wantsEncryption(request)
        let wantsCompression = request.target["compression"] != "false" && !isSealed
        let opening = try upgrade(request, subprotocols: ["phoenix"], compression: wantsCompression, context: true)
        return PhoenixEngine(try phoenixRequest(request), opening: opening, loop: loop)
    }

    /// What the address of a Phoenix connection asks for.
    func phoenixRequest(_ request: FrontRequest) throws(Problem) -> PhoenixRequest {
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
        phoenix.isSealed = try wantsEncryption(request)
        switch request.identity {
        case .open:
            if let value = request.head.headers.first(name: "authorization") {
                phoenix.caller = Caller(owner: value, capabilities: nil)
            }
        case .nobody: break
        case .principal(let principal): phoenix.principal = principal
        case .refused(let failure, .header): throw .authenticationFailed(failure)
        case .refused(let failure, .address): phoenix.tokenFailure = failure
        }
        if let name = request.target["slow_consumer_policy"] {
            phoenix.slowConsumerPolicy = try slowConsumerPolicy(named: name)
        }
        return phoenix
    }

    private func echoSocket(_ request: FrontRequest, _ loop: LoopState) throws(Problem) -> EchoEngine {
        let principal = try requirePrincipal(request)
        // Autobahn|Testsuite ends its 65,536 fragments of case 9.3.1 with an empty one more.
        let limits = WebSocketLimits(maxFrameSize: 16 << 20, maxMessageSize: 16 << 20, maxFragments: 1 << 17)
        let engine = EchoEngine(
            opening: try upgrade(request, subprotocols: [], compression: true), limits: limits, loop: loop)
        engine.identify(principal, isPlaced: false)
        return engine
    }

    /// A WebSocket for an endpoint. Pages cannot set headers of a WebSocket: they give a token as one more subprotocol,
    /// `mcp, mcp.auth.TOKEN`.
    private func messageSocket(
        _ request: FrontRequest, _ messages: (endpoint: any LoopEndpoint, subprotocol: String), _ loop: LoopState
    ) throws(Problem) -> MessageSocketEngine {
        let headers = request.head.headers
        guard originPolicy.acceptsHost(headers) else {
            accessGuard.refusals.count(.host)
            throw Problem(421, "host_not_allowed", "this gateway does not go by that name: see listen.public_host")
        }
        let offered = headers[canonicalForm: "sec-websocket-protocol"].map(String.init)
        guard offered.isEmpty || offered.contains(messages.subprotocol) else {
            throw .badRequest("the subprotocol of this path is \(messages.subprotocol)")
        }
        let opening = try upgrade(request, subprotocols: [messages.subprotocol], compression: true)
        let beginning = messages.subprotocol + ".auth."
        let token = offered.first { $0.hasPrefix(beginning) }?.dropFirst(beginning.count)
        var caller = try caller(request)
        if caller.owner == nil, let token { caller = Caller(owner: "Bearer \(token)", capabilities: nil) }
        let engine = MessageSocketEngine(
            MessagePipeRequest(caller: caller, server: request.target["server"]),
            at: messages.endpoint, opening: opening, loop: loop)
        engine.identify(request.identity.principal, isPlaced: false)
        return engine
    }

    /// Checks the opening handshake (RFC 6455 §4.2.1) and writes the answer to it.
    private func upgrade(
        _ request: FrontRequest, subprotocols: [String], compression: Bool, context mayKeepContext: Bool = false
    ) throws(Problem) -> SocketEngine.Opening {
        guard admitsClients else { throw admission.later(.draining) }
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
        var context: CompressionContext?
        let deflate =
            compression && settings.webSocketCompression
            ? PerMessageDeflate.negotiate(offers) {
                if mayKeepContext { context = compressionContexts.context() }
                return context != nil
            } : nil
        if let deflate { text += "Sec-WebSocket-Extensions: \(deflate.response)\r\n" }
        return SocketEngine.Opening(answer: Array((text + "\r\n").utf8), deflate: deflate, context: context)
    }

    // MARK: - Messages

    private func requireJSON(_ request: FrontRequest) throws(Problem) {
        guard let type = request.head.headers.first(name: "content-type") else { return }
        let media = type.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
        guard media == "application/json" || media.hasSuffix("+json") else {
            throw Problem(415, "unsupported_media_type", "send JSON with the header Content-Type: application/json")
        }
    }

    private func read(_ bytes: UnsafeRawBufferPointer) throws(Problem) -> PublishRequest {
        do {
            return try PublishRequest(bytes, maxDepth: settings.maxJSONDepth)
        } catch {
            accessGuard.refusals.count(.malformedMessage)
            throw error
        }
    }

    /// `POST /mcp/messages`
    private func messages(
        _ request: FrontRequest, _ cors: HTTPHeaders, _ loop: LoopState
    ) throws(Problem) -> FrontDecision {
        let principal = try requirePrincipal(request)
        try requireJSON(request)
        let result = request.body.withUnsafeReadableBytes { bytes -> Swift.Result<FrontDecision, Problem> in
            Swift.Result { () throws(Problem) in
                let parsed = try read(bytes)
                try permitBackEnd(parsed, principal)
                if let wait = wait(for: parsed, request) { return wait }
                takeTraceParent(of: request, loop)
                let body = try publish(parsed, &loop.context, later: later(request, cors, loop))
                return body.map { .answer(APIResponse.json(.accepted, $0).adding(cors)) } ?? .later
            }
        }
        return try result.get()
    }

    /// Notes where in a trace a request stands.
    private func takeTraceParent(of request: FrontRequest, _ loop: LoopState) {
        guard tracing != nil else { return }
        loop.context.traceParent = request.head.headers.first(name: "traceparent").flatMap { TraceContext($0) }
    }

    /// Lets a request wait whose recipients' sessions cannot begin yet.
    private func wait(
        for parsed: PublishRequest, from sender: ClientID? = nil, _ request: FrontRequest
    ) -> FrontDecision? {
        guard !request.hasWaited else { return nil }
        var clients = recipientsToRestore(parsed)
        if let sender, mustRestore(sender) { clients.append(sender) }
        return clients.isEmpty ? nil : .restore(clients)
    }

    private func later(_ request: FrontRequest, _ headers: HTTPHeaders, _ loop: LoopState) -> AnswerLater {
        guard let front = request.front else { preconditionFailure("A request that stores has a connection") }
        return .request(front, headers, loop: loop.index)
    }

    /// `POST /mcp/push`: the way up for clients of event streams.
    private func push(
        _ request: FrontRequest, _ cors: HTTPHeaders, _ loop: LoopState
    ) throws(Problem) -> FrontDecision {
        try requireJSON(request)
        let result = request.body.withUnsafeReadableBytes { bytes -> Swift.Result<FrontDecision, Problem> in
            Swift.Result { () throws(Problem) in
                if let sealed = try sealedMessage(bytes) {
                    return try push(sealed, request, cors, loop)
                }
                let parsed = try read(bytes)
                return try push(parsed, from: parsed.clientID, request, cors, loop)
            }
        }
        return try result.get()
    }

    /// An encrypted one. It says outside whose it is: what is inside is bound to that.
    private func push(
        _ sealed: SealedMessage, _ request: FrontRequest, _ cors: HTTPHeaders, _ loop: LoopState
    ) throws(Problem) -> FrontDecision {
        let name = sealed.clientID ?? request.clientIDText
        let client = try client(name, of: try requirePrincipal(request))
        if !request.hasWaited, mustRestore(client) { return .restore([client]) }
        guard let handle = directory.withSession(client, now: loop.now, { handle, _ in handle }) else {
            throw directory.refusal(client)
        }
        let text = try open(sealed, of: handle, isRepeated: request.hasWaited)
        let result = text.withUnsafeBytes { bytes -> Swift.Result<FrontDecision, Problem> in
            Swift.Result { () throws(Problem) in try push(try read(bytes), from: name, request, cors, loop) }
        }
        return try result.get()
    }

    private func push(
        _ parsed: PublishRequest, from name: String?, _ request: FrontRequest, _ cors: HTTPHeaders, _ loop: LoopState
    ) throws(Problem) -> FrontDecision {
        let principal = try requirePrincipal(request)
        let client = try client(name ?? request.clientIDText, of: principal)
        try permit(parsed, channel: nil, principal)
        if let wait = wait(for: parsed, from: client, request) { return wait }
        let now = loop.now
        loop.variety[Int(Transport.eventStream.rawValue)].arrivals.add(bytes: request.body.readableBytes)
        if let problem = accessGuard.refusal(client: client) { throw problem }
        let limit = settings.rateLimit(tier: principal?.tier)
        let admitted = directory.withSession(client, now: now) { handle, session in
            session.messagesReceived += 1
            session.lastActivity = now
            let size = request.body.readableBytes
            return (handle, accessGuard.admit(size, to: &session, limit, now: now), session.rateUsage)
        }
        guard let (handle, decision, usage) = admitted else { throw directory.refusal(client) }
        var headers = rateHeaders(usage, limit, now)
        headers.add(contentsOf: cors)
        if case .refused(let wait) = decision {
            loop.counters[Int(Transport.eventStream.rawValue)].rateLimited += 1
            handle.session.withLock { $0.note(.init(.rateLimited, .eventStream, value: 1, at: now)) }
            accessGuard.note(.rateHit, request.remoteAddress)
            return .answer(.problem(.rateLimited(retryAfter: wait.roundedUpSeconds)).adding(headers))
        }
        takeTraceParent(of: request, loop)
        loop.context.tier = principal?.tier
        if let number = parsed.number {
            let outcome = try acceptNumbered(
                parsed, number, from: handle, channel: nil, loop, later: later(request, headers, loop))
            loop.variety[Int(Transport.eventStream.rawValue)].accepted.add(bytes: request.body.readableBytes)
            guard let outcome else { return .later }
            return .answer(APIResponse.json(.accepted, outcome.json(number: number)).adding(headers))
        }
        let accepted = try accept(parsed, from: handle, &loop.context, later: later(request, headers, loop))
        loop.variety[Int(Transport.eventStream.rawValue)].accepted.add(bytes: request.body.readableBytes)
        guard let accepted else { return .later }
        return .answer(APIResponse.json(.accepted, accepted.json).adding(headers))
    }

    /// The state of a client's rate limit (contract §7).
    func rateHeaders(_ usage: RateLimit.Usage, _ limit: RateLimit, _ now: Instant) -> HTTPHeaders {
        [
            "X-RateLimit-Limit": "\(limit.burst)",
            "X-RateLimit-Remaining": "\(limit.remaining(usage, now: now))",
            "X-RateLimit-Reset": "\((limit.reset(usage, now: now).nanoseconds + 999_999_999) / 1_000_000_000)",
        ]
    }
}

extension APIResponse {
    func adding(_ headers: HTTPHeaders) -> APIResponse {
        var copy = self
        copy.headers.add(contentsOf: headers)
        return copy
    }
}
