import GatewayCore
import NIOHTTP1
import PhoenixProtocol
import WebSocketProtocol

/// Requests that become a WebSocket.
extension Gateway {
    func phoenixSocket(_ request: FrontRequest, _ loop: LoopState) throws(Problem) -> PhoenixEngine {
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

    func echoSocket(_ request: FrontRequest, _ loop: LoopState) throws(Problem) -> EchoEngine {
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
    func messageSocket(
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
}
