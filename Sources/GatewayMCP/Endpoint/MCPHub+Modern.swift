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
            guard let view = view(of: request, exchange) else { return }
            let reply = ReplyStream(number: 0, hub: self, session: nil, exchange: exchange, open: [id])
            answerModern(message, bytes, id, headers.first(name: "authorization"), view, reply)
        }
    }

    /// Answers a request that has been found to be as it should be.
    func answerModern(
        _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, _ id: [UInt8], _ authorization: String?,
        _ view: ServerView, _ reply: ReplyStream
    ) {
        func refuse(_ error: RPCError, _ status: HTTPResponseStatus) {
            reply.respond(ByteBuffer(bytes: error.response(id: id)), to: id, status: status)
        }
        replies[ObjectIdentifier(reply)] = reply
        let method = message.method
        if let method, !method.isModernRequest { return refuse(.methodNotFound(method.rawValue), .notFound) }
        if method == .discover {
            let body = RPCAnswer.result(RPCAnswer.discover(server: settings.version), id: id)
            return reply.respond(ByteBuffer(bytes: body), to: id)
        }
        if let kind = ListKind(method), message.cursor != nil {
            return refuse(.invalidParams("unknown cursor of \(kind.member)"), .badRequest)
        }
        guard let session = principalSession(authorization) else {
            return refuse(.internalError("too many sessions (mcp.max_sessions)"), .serviceUnavailable)
        }
        session.touch()
        if let kind = ListKind(method) {
            ListAssembly(kind, of: servers(of: view), hub: self, session: session.upstream) { [unowned self] list in
                let result = view.catalogue.result(
                    kind, modern: (timeToLive: list.timeToLive ?? 0, isPublic: false, server: self.ownInfo))
                reply.respond(ByteBuffer(bytes: RPCAnswer.result(result, id: id)), to: id)
            }.start()
        } else if method == .listen {
            listen(message, bytes, id, reply)
        } else {
            let token = message.progressToken.map { [UInt8](bytes[$0.offset..<$0.end]) }
            let request = Forwarding(
                method: method, id: id, progressToken: token, reply: reply, client: session, view: view, isModern: true)
            if method == nil { forwardUnknown(request, message, bytes) } else { forward(request, message, bytes) }
        }
    }

    /// The session with servers of the older revisions that a credential's requests share. It has said that its client
    /// can do nothing, so that no server asks anything of it.
    private func principalSession(_ authorization: String?) -> ClientSession? {
        let key = "principal " + (authorization ?? "")
        if let session = sessions[key] { return session }
        guard directory.sessionBegins() else { return nil }
        let session = ClientSession(
            id: key, hub: self, view: everything, version: .latestWithHandshake, capabilities: Array("{}".utf8),
            clientInfo: ownInfo,
            authorization: authorization, isPrincipal: true)
        sessions[key] = session
        return session
    }

    // MARK: - Subscriptions

    private func listen(_ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, _ id: [UInt8], _ reply: ReplyStream) {
        let wanted = message.notifications.map { ListenFilter(bytes, $0) } ?? ListenFilter()
        listeners[ObjectIdentifier(reply)] = Listener(reply: reply, id: id, filter: wanted)
        reply.emit(
            ByteBuffer(
                bytes: JSONWriter.object { writer in
                    writer.member("jsonrpc", "2.0")
                    writer.member("method", "notifications/subscriptions/acknowledged")
                    writer.member("params") { params in
                        params.member("_meta") { $0.member("io.modelcontextprotocol/subscriptionId", raw: id) }
                        params.member("notifications") { wanted.write(to: &$0) }
                    }
                }))
    }

    /// A stream that waits for news.
    struct Listener {
        let reply: ReplyStream
        let id: [UInt8]
        let filter: ListenFilter

        func tell(_ method: RPCMethod) {
            guard filter.contains(method) else { return }
            reply.emit(
                ByteBuffer(
                    bytes: JSONWriter.object { writer in
                        writer.member("jsonrpc", "2.0")
                        writer.member("method", method.rawValue)
                        writer.member("params") { params in
                            params.member("_meta") { $0.member("io.modelcontextprotocol/subscriptionId", raw: id) }
                        }
                    }))
        }

        /// Ends the stream as the revision has it: with the answer to the request that opened it.
        func end(retryAfter wait: Instant.Span) {
            reply.advise(retryAfter: wait)
            let body = RPCAnswer.result(Array(#"{"resultType":"complete"}"#.utf8), id: id)
            reply.respond(ByteBuffer(bytes: body), to: id)
        }
    }

    /// A reply without a session is over.
    func replyEnded(_ reply: ReplyStream) {
        replies[ObjectIdentifier(reply)] = nil
        listeners[ObjectIdentifier(reply)] = nil
    }
}
