import GatewayCore
import GatewayServer
import ModelContextProtocol
import NIOCore
import NIOHTTP1
import WireJSON

/// Requests from revision 2026-07-28 on: each one stands alone.
extension MCPHub {
    func postModern(_ request: EndpointRequest, version: String, _ exchange: Exchange) {
        request.body.withUnsafeReadableBytes { bytes in
            let message: RPCMessage
            do throws(RPCError) {
                message = try RPCMessage(bytes, maxDepth: settings.maxJSONDepth)
            } catch { return exchange.respond(.rpc(.badRequest, error)) }
            let id = message.id.map { [UInt8](bytes[$0.offset..<$0.end]) }
            guard message.kind == .request, let id else {
                // There is nothing that a notification could be about: a call is cancelled by leaving.
                return exchange.respond(APIResponse(status: .accepted))
            }
            let headers = request.head.headers
            if let problem = ModernRequest.problem(
                message, bytes, .init(version: version, methods: headers["mcp-method"], names: headers["mcp-name"]))
            {
                return exchange.respond(.rpc(.badRequest, problem, id: id))
            }
            let holder = message.requestState.flatMap { HeldCall.owner(ofState: RPCMessage.text($0, bytes)) }
            if let holder, let other = directory.hub(holder, otherThan: index) {
                // The call that it goes on with waits at another event loop.
                return exchange.move(to: other.eventLoop) { other.value.handle(request, $0) }
            }
            guard let view = view(of: request, exchange) else { return }
            if holder == nil, message.method != .discover, view.servers.contains(where: \.keepsSessions),
                let home = directory.home(of: request.caller.owner, otherThan: index)
            {
                // A server must not find a client at each event loop.
                return exchange.move(to: home.eventLoop) { home.value.handle(request, $0) }
            }
            let reply = ReplyStream(number: 0, hub: self, session: nil, exchange: exchange, open: [id])
            reply.traceParent = traceParent(of: request)
            answerModern(
                message, bytes, id, request.caller, view, reply,
                parameterHeaders: Self.parameterHeaders(headers))
        }
    }

    /// Answers a request that has been found to be as it should be.
    func answerModern(
        _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, _ id: [UInt8], _ caller: Caller,
        _ view: ServerView, _ reply: ReplyStream, parameterHeaders: [(name: String, value: String)]? = nil
    ) {
        func refuse(_ error: RPCError, _ status: HTTPResponseStatus) {
            reply.respond(ByteBuffer(bytes: error.response(id: id)), to: id, status: status)
        }
        replies[ObjectIdentifier(reply)] = reply
        reply.logLevel = ModernRequest.logLevel(message.modernLogLevel, bytes)
        let method = message.method
        if let method, !method.isModernRequest { return refuse(.methodNotFound(method.rawValue), .notFound) }
        if method == .discover {
            let body = RPCAnswer.result(RPCAnswer.discover(server: settings.version), id: id)
            return reply.respond(ByteBuffer(bytes: body), to: id)
        }
        if let kind = ListKind(method), message.cursor != nil {
            return refuse(.invalidParams("unknown cursor of \(kind.member)"), .badRequest)
        }
        let capabilities = message.modernCapabilities.map { bytes[$0.offset..<$0.end] } ?? bytes[..<0]
        guard let session = principalSession(caller, UnsafeRawBufferPointer(rebasing: capabilities)) else {
            return refuse(.internalError("too many sessions (mcp.max_sessions)"), .serviceUnavailable)
        }
        session.touch()
        if let kind = ListKind(method) {
            ListAssembly(kind, of: view, hub: self, session: session) { [unowned self] list in
                let result = list.result(modern: ownInfo)
                reply.respond(ByteBuffer(bytes: RPCAnswer.result(result, id: id)), to: id)
            }.start()
        } else if method == .listen {
            listen(message, bytes, id, reply, session, view)
        } else if let state = message.requestState.map({ RPCMessage.text($0, bytes) }),
            HeldCall.owner(ofState: state) != nil
        {
            let token = message.progressToken.map { [UInt8](bytes[$0.offset..<$0.end]) }
            guard let held = heldCalls[state], held.call.method == method, held.session === session,
                held.name == message.routingName(method ?? .callTool).map({ RPCMessage.text($0, bytes) })
            else {
                return refuse(.invalidParams("requestState is unknown, has expired or is another call's"), .badRequest)
            }
            held.resume(message, bytes, id: id, token: token, on: reply)
        } else {
            let token = message.progressToken.map { [UInt8](bytes[$0.offset..<$0.end]) }
            let request = Forwarding(
                method: method, id: id, progressToken: token, reply: reply, client: session, view: view, isModern: true,
                parameterHeaders: parameterHeaders)
            if method == nil { forwardUnknown(request, message, bytes) } else { forward(request, message, bytes) }
        }
    }

    private static func parameterHeaders(_ headers: HTTPHeaders) -> [(name: String, value: String)] {
        var found: [(name: String, value: String)] = []
        for (name, value) in headers where name.utf8.count > ParameterHeader.prefix.utf8.count {
            let name = name.lowercased()
            if name.hasPrefix(ParameterHeader.prefix) { found.append((name, ModernRequest.Headers.trimmed(value))) }
        }
        return found
    }

    /// The session with servers that the requests of a credential share. Requests whose clients can do different things
    /// have different ones: servers are told what their client can do.
    private func principalSession(_ caller: Caller, _ capabilities: UnsafeRawBufferPointer) -> ClientSession? {
        // One client's request is mostly followed by another of the same.
        if let last = lastPrincipal, !last.isClosed, last.caller == caller,
            last.capabilities.elementsEqual(capabilities)
        {
            last.caller = caller
            return last
        }
        let key = "principal \(caller.owner ?? "")\n\(String(decoding: capabilities, as: UTF8.self))"
        if let session = sessions[key] {
            lastPrincipal = session
            session.caller = caller
            return session
        }
        guard directory.sessionBegins() else { return nil }
        let session = ClientSession(
            id: key, hub: self, view: everything, version: .latestWithHandshake,
            capabilities: capabilities.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }, clientInfo: ownInfo,
            caller: caller, isPrincipal: true)
        sessions[key] = session
        lastPrincipal = session
        return session
    }

    /// A reply without a session is over.
    func replyEnded(_ reply: ReplyStream) {
        replies[ObjectIdentifier(reply)] = nil
        listeners.removeValue(forKey: ObjectIdentifier(reply))?.release()
    }
}
