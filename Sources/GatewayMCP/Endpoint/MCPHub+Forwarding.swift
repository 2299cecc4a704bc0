import GatewayCore
import ModelContextProtocol
import NIOCore
import WireJSON

/// A client's request that one server is to answer.
struct Forwarding {
    let method: RPCMethod
    let id: [UInt8]
    let progressToken: [UInt8]?
    let reply: ReplyStream
    /// The session in which a server is asked.
    let session: (UpstreamServer) -> UpstreamSession
    /// Whether the client speaks a revision without sessions.
    var isModern = false
}

extension MCPHub {
    /// Sends a request to the server that it is for. Names that nobody has told yet are asked for first.
    func forward(_ request: Forwarding, _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer) {
        guard let place = message.routingName(request.method) else {
            return refuse(request, .invalidParams("it is not said what is meant"))
        }
        let name = RPCMessage.text(place, bytes)
        if let destination = destination(request.method, name) {
            return send(request, message, bytes, place, to: destination)
        }
        let copy = ByteBuffer(bytes: bytes)
        learn(lists(for: request.method), request.session) { [unowned self] in
            guard let destination = destination(request.method, name) else {
                let error = unknown(request.method, name)
                // The newer revisions have no code of its own for a resource that is not there.
                return refuse(
                    request, request.isModern ? RPCError(-32602, error.message, data: error.data) : error)
            }
            copy.withUnsafeReadableBytes { bytes in
                guard let message = try? RPCMessage(bytes, maxDepth: settings.maxJSONDepth) else { return }
                send(request, message, bytes, place, to: destination)
            }
        }
    }

    private func destination(_ method: RPCMethod, _ name: String) -> (server: Int, name: String)? {
        switch method {
        case .callTool: catalogue.tools.place(of: name)
        case .getPrompt: catalogue.prompts.place(of: name)
        case .complete: catalogue.prompts.place(of: name) ?? catalogue.server(ofTemplate: name).map { ($0, name) }
        default: catalogue.server(ofResource: name).map { ($0, name) }
        }
    }

    private func lists(for method: RPCMethod) -> [ListKind] {
        switch method {
        case .callTool: [.tools]
        case .getPrompt: [.prompts]
        case .complete: [.prompts, .resourceTemplates]
        default: [.resources, .resourceTemplates]
        }
    }

    private func unknown(_ method: RPCMethod, _ name: String) -> RPCError {
        switch method {
        case .callTool: .invalidParams("Unknown tool: \(name)")
        case .getPrompt: .invalidParams("Unknown prompt: \(name)")
        case .complete: .invalidParams("Unknown reference: \(name)")
        default: RPCError(-32002, "Resource not found: \(name)", data: JSONWriter.object { $0.member("uri", name) })
        }
    }

    private func refuse(_ request: Forwarding, _ error: RPCError) {
        let status = request.isModern ? ModernRequest.status(of: error.code) : 200
        request.reply.respond(
            ByteBuffer(bytes: error.response(id: request.id)), to: request.id, status: .init(statusCode: status))
    }

    /// Asks for lists one after the other.
    private func learn(
        _ kinds: [ListKind], _ session: @escaping (UpstreamServer) -> UpstreamSession, then: @escaping () -> Void
    ) {
        guard let kind = kinds.first else { return then() }
        ListAssembly(kind, hub: self, session: session) { [unowned self] _ in
            learn(Array(kinds.dropFirst()), session, then: then)
        }.start()
    }

    private func send(
        _ request: Forwarding, _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, _ place: JSONSpan,
        to destination: (server: Int, name: String)
    ) {
        let server = servers[destination.server]
        let number = nextNumber()
        var splice = Splice()
        splice.replace(message.id, with: number)
        if request.isModern, server.settings.target != .demo {
            splice.replace(
                message.meta, with: ModernRequest.legacyMeta(message, bytes, progressToken: number) ?? Array("{}".utf8))
        } else {
            splice.replace(message.progressToken, with: number)
        }
        if request.method == .callTool || request.method == .getPrompt || request.method == .complete {
            let name = JSONText.quoted(destination.name)
            if !bytes[place.offset..<place.end].elementsEqual(name) { splice.replace(place, with: name) }
        }
        let isRepeatable: Bool =
            switch request.method {
            case .callTool: server.lists[.tools]?.repeatable.contains(destination.name) ?? false
            default: true
            }
        let call = Call(
            number: number, origin: .client(request.reply, id: request.id), method: request.method,
            name: destination.name, message: splice.apply(to: bytes, oneLine: message.hasLineBreaks),
            progressToken: request.progressToken, isRepeatable: isRepeatable, now: now,
            deadline: now + settings.maxCallTime)
        call.isModern = request.isModern
        if request.isModern {
            // To leave is to cancel.
            request.reply.onAbandoned = { [weak call] in
                guard let call, !call.isOver else { return }
                let notice =
                    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":\(call.number)}}"
                call.session?.cancel(call, notice: ByteBuffer(string: notice))
            }
        }
        request.session(server).submit(call)
    }
}

extension RPCMessage {
    /// What of a request says whom it is for.
    func routingName(_ method: RPCMethod) -> JSONSpan? {
        switch method {
        case .callTool, .getPrompt: name
        case .complete: reference
        case .readResource, .subscribe, .unsubscribe: uri
        default: nil
        }
    }
}
