import GatewayCore
import GatewayServer
import ModelContextProtocol
import NIOCore
import NIOHTTP1
import WireJSON

/// Requests of the revisions up to 2025-11-25: sessions that begin with `initialize`.
extension MCPHub {
    func post(_ request: EndpointRequest, _ exchange: Exchange) {
        let headers = request.head.headers
        guard MediaTypes.isJSON(headers) else {
            return exchange.respond(
                .rpc(.unsupportedMediaType, .invalidRequest("Content-Type must be application/json")))
        }
        guard MediaTypes.accepts("application/json", headers), MediaTypes.accepts("text/event-stream", headers) else {
            return exchange.respond(
                .rpc(
                    .notAcceptable,
                    .invalidRequest("the client must accept both application/json and text/event-stream")))
        }
        let versions = headers["mcp-protocol-version"]
        guard versions.count <= 1 else {
            return exchange.respond(.rpc(.badRequest, .headerMismatch("MCP-Protocol-Version stands there twice")))
        }
        if let name = versions.first, ProtocolVersion(rawValue: name)?.hasHandshake != true {
            return postModern(request, version: name, exchange)
        }
        request.body.withUnsafeReadableBytes { bytes in
            if bytes.first(where: { $0 > 0x20 }) == UInt8(ascii: "[") {
                postBatch(bytes, request, exchange)
            } else {
                postOne(bytes, request, exchange)
            }
        }
    }

    private func postOne(_ bytes: UnsafeRawBufferPointer, _ request: EndpointRequest, _ exchange: Exchange) {
        let message: RPCMessage
        do throws(RPCError) {
            message = try RPCMessage(bytes, maxDepth: settings.maxJSONDepth)
        } catch { return exchange.respond(.rpc(.badRequest, error)) }
        let id = message.id.map { [UInt8](bytes[$0.offset..<$0.end]) }
        if message.modernVersion != nil {
            // The body is of a revision that headers have to name.
            return exchange.respond(.rpc(.badRequest, .headerMismatch("MCP-Protocol-Version is missing"), id: id))
        }
        if message.method == .initialize, let id, message.kind == .request,
            !request.head.headers.contains(name: "mcp-session-id")
        {
            return initialize(message, bytes, id, request, exchange)
        }
        guard let session = session(of: request, exchange) else { return }
        guard message.kind == .request, let id else {
            session.receive(message, bytes)
            return exchange.respond(APIResponse(status: .accepted))
        }
        guard session.openCalls < settings.maxCalls else {
            let error = RPCError.internalError("too many open calls (mcp.max_calls)")
            return exchange.respond(.rpc(.tooManyRequests, error, id: id))
        }
        let reply = session.openReply(exchange, ids: [id], isBatch: false)
        reply.traceParent = traceParent(of: request)
        dispatch(message, bytes, id, session, reply)
    }

    /// Several messages in one array: one revision has that.
    private func postBatch(_ bytes: UnsafeRawBufferPointer, _ request: EndpointRequest, _ exchange: Exchange) {
        guard let session = session(of: request, exchange) else { return }
        guard session.version.hasBatches else {
            return exchange.respond(.rpc(.badRequest, .invalidRequest("batches are of revision 2025-03-26 only")))
        }
        let parts: [(RPCMessage, UnsafeRawBufferPointer)]
        do throws(RPCError) {
            parts = try messages(ofBatch: bytes)
        } catch { return exchange.respond(.rpc(.badRequest, error)) }
        let requests = parts.filter { $0.0.kind == .request }
        let ids = requests.compactMap { message, part in message.id.map { [UInt8](part[$0.offset..<$0.end]) } }
        guard Set(ids).count == ids.count else {
            return exchange.respond(.rpc(.badRequest, .invalidRequest("an id stands in the batch twice")))
        }
        guard session.openCalls + ids.count <= settings.maxCalls else {
            return exchange.respond(
                .rpc(.tooManyRequests, .internalError("too many open calls (mcp.max_calls)")))
        }
        for (message, part) in parts where message.kind != .request { session.receive(message, part) }
        guard !ids.isEmpty else { return exchange.respond(APIResponse(status: .accepted)) }
        let reply = session.openReply(exchange, ids: ids, isBatch: true)
        for ((message, part), id) in zip(requests, ids) { dispatch(message, part, id, session, reply) }
    }

    /// The messages of one array.
    func messages(ofBatch bytes: UnsafeRawBufferPointer) throws(RPCError) -> [(RPCMessage, UnsafeRawBufferPointer)] {
        var spans: [JSONSpan] = []
        do throws(JSONError) {
            var scanner = JSONScanner(bytes, maxDepth: settings.maxJSONDepth)
            if try scanner.beginArray() { repeat { spans.append(try scanner.value()) } while try scanner.nextElement() }
            try scanner.finish()
        } catch { throw .parse(error.reason) }
        guard !spans.isEmpty else { throw .invalidRequest("the batch is empty") }
        var parts: [(RPCMessage, UnsafeRawBufferPointer)] = []
        for span in spans {
            let part = UnsafeRawBufferPointer(rebasing: bytes[span.offset..<span.end])
            parts.append((try RPCMessage(part, maxDepth: settings.maxJSONDepth), part))
        }
        return parts
    }

    private func initialize(
        _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, _ id: [UInt8], _ request: EndpointRequest,
        _ exchange: Exchange
    ) {
        guard let view = view(of: request, exchange) else { return }
        let session: ClientSession
        do throws(RPCError) {
            session = try beginSession(
                message, bytes, id: nil, view: view, caller: request.caller)
        } catch {
            return exchange.respond(.rpc(error.code == -32603 ? .serviceUnavailable : .ok, error, id: id))
        }
        let result = RPCAnswer.initialize(session.version, server: settings.version)
        exchange.respond(
            APIResponse(
                status: .ok,
                headers: [
                    "content-type": "application/json", "cache-control": "no-store", "mcp-session-id": session.id,
                ], body: ByteBuffer(bytes: RPCAnswer.result(result, id: id))))
    }

    /// Begins the session that `initialize` asks for.
    /// - Parameter id: what it is to be called; `nil` for a new name.
    func beginSession(
        _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, id: String?, view: ServerView, caller: Caller
    ) throws(RPCError) -> ClientSession {
        guard let place = message.protocolVersion else { throw .invalidParams("protocolVersion is missing") }
        guard directory.sessionBegins() else { throw .internalError("too many sessions (mcp.max_sessions)") }
        func text(_ span: JSONSpan?) -> [UInt8] {
            guard let span else { return Array("{}".utf8) }
            return [UInt8](bytes[span.offset..<span.end]).map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }
        }
        let session = ClientSession(
            id: id ?? newSessionID(), hub: self, view: view, version: .negotiated(RPCMessage.text(place, bytes)),
            capabilities: text(message.capabilities), clientInfo: text(message.clientInfo),
            caller: caller)
        sessions[session.id] = session
        return session
    }

    /// An id that says where the session lives, and that nobody can guess.
    func newSessionID() -> String {
        var generator = SystemRandomNumberGenerator()
        let high = String(generator.next(), radix: 16)
        let low = String(generator.next(), radix: 16)
        return "\(index).\(high)-\(low)"
    }

    // MARK: - Requests

    /// Answers a request of a session, or sends it to the server that can.
    func dispatch(
        _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, _ id: [UInt8], _ session: ClientSession,
        _ reply: ReplyStream
    ) {
        func respond(_ bytes: [UInt8]) { reply.respond(ByteBuffer(bytes: bytes), to: id) }
        let token = message.progressToken.map { [UInt8](bytes[$0.offset..<$0.end]) }
        let request = Forwarding(
            method: message.method, id: id, progressToken: token, reply: reply, client: session, view: session.view)
        guard let method = message.method else { return forwardUnknown(request, message, bytes) }
        guard method.isLegacyRequest else {
            return respond(RPCError.methodNotFound(method.rawValue).response(id: id))
        }
        switch method {
        case .ping: respond(RPCAnswer.empty(id: id))
        case .initialize:
            respond(RPCError.invalidRequest("the session has begun already").response(id: id))
        case .setLevel:
            guard let place = message.level else {
                return respond(RPCError.invalidParams("level is missing").response(id: id))
            }
            guard RPCMethod.logLevels.contains(RPCMessage.text(place, bytes)) else {
                return respond(RPCError.invalidParams("there is no such level").response(id: id))
            }
            session.setLevel([UInt8](bytes[place.offset..<place.end]))
            respond(RPCAnswer.empty(id: id))
        case .listTools, .listPrompts, .listResources, .listResourceTemplates, .listTasks:
            guard let kind = ListKind(method) else { return }
            guard message.cursor == nil else {
                // The gateway never gives one: its lists are whole.
                return respond(RPCError.invalidParams("unknown cursor").response(id: id))
            }
            ListAssembly(kind, of: session.view, hub: self, session: session) { list in
                respond(RPCAnswer.result(list.result(), id: id))
            }.start()
        case .subscribe, .unsubscribe:
            if let answer = account(method, message, bytes, session) { return respond(answer(id)) }
            forward(request, message, bytes)
        default: forward(request, message, bytes)
        }
    }

    /// What a subscription is answered with by the gateway itself, if it is.
    private func account(
        _ method: RPCMethod, _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, _ session: ClientSession
    ) -> (([UInt8]) -> [UInt8])? {
        guard let place = message.uri else { return nil }
        let uri = RPCMessage.text(place, bytes)
        if method == .subscribe {
            guard !session.resources.contains(uri), session.resources.count >= settings.maxSubscriptions else {
                return nil
            }
            return { RPCError.internalError("too many subscriptions (mcp.max_subscriptions)").response(id: $0) }
        }
        // In a session that all share it is no one's to end what others have begun.
        guard let owner = session.lists.catalogue(session.view).server(ofResource: uri),
            servers[owner].settings.isStateless,
            sessions.values.contains(where: { $0 !== session && $0.resources.contains(uri) })
        else { return nil }
        session.resources.subscribed.remove(uri)
        return { RPCAnswer.empty(id: $0) }
    }
}
