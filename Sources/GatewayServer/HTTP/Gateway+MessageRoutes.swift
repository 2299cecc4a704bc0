import GatewayCore
import NIOCore
import NIOHTTP1

/// Requests that bring a message.
extension Gateway {
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
    func messages(
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
    func push(
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
