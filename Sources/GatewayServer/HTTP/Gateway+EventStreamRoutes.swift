import GatewayCore
import NIOHTTP1

/// Requests that open an event stream.
extension Gateway {
    /// `GET /mcp/sse`: a client's messages.
    func eventStream(
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
    func wantsEncryption(_ request: FrontRequest) throws(Problem) -> Bool {
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
    func operationStream(
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
}
