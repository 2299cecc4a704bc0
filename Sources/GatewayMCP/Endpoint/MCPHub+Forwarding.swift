import GatewayCore
import ModelContextProtocol
import NIOCore
import WireJSON

/// A client's request that one server is to answer.
struct Forwarding {
    /// What is asked; `nil` if the gateway does not know it.
    let method: RPCMethod?
    let id: [UInt8]
    let progressToken: [UInt8]?
    let reply: ReplyStream
    /// In whose sessions servers are asked.
    let client: ClientSession
    /// What the client is shown.
    let view: ServerView
    /// Whether the client speaks a revision without sessions.
    var isModern = false
    /// The headers by which it repeats arguments; `nil` on transports without headers.
    var parameterHeaders: [(name: String, value: String)]?

    /// What is known of the servers' lists there.
    var catalogue: Catalogue { client.lists.catalogue(view) }
}

extension MCPHub {
    /// Sends a request to the server that it is for. Names that nobody has told yet are asked for first.
    func forward(_ request: Forwarding, _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer) {
        guard let method = request.method, let place = message.routingName(method) else {
            return refuse(request, .invalidParams("it is not said what is meant"))
        }
        let name = RPCMessage.text(place, bytes)
        if let destination = destination(method, name, request.catalogue) {
            return send(request, message, bytes, place, to: destination)
        }
        let copy = ByteBuffer(bytes: bytes)
        learn(lists(for: method), request) { [unowned self] in
            guard let destination = destination(method, name, request.catalogue) else {
                let error = unknown(method, name, request.view)
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

    func destination(
        _ method: RPCMethod, _ name: String, _ catalogue: Catalogue
    ) -> (server: Int, name: String)? {
        switch method {
        case .callTool: catalogue.place(of: name, .tools)
        case .getPrompt: catalogue.place(of: name, .prompts)
        case .complete: catalogue.place(of: name, .prompts) ?? catalogue.server(ofTemplate: name).map { ($0, name) }
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

    private func unknown(_ method: RPCMethod, _ name: String, _ view: ServerView) -> RPCError {
        // It may well be one of a server that could not be asked.
        let failed = view.servers.compactMap { server in server.problem.map { "\(server.name): \($0)" } }
        let shown =
            failed.isEmpty ? name : "\(name) (servers that could not be asked: \(failed.joined(separator: "; ")))"
        return switch method {
        case .callTool: .invalidParams("Unknown tool: \(shown)")
        case .getPrompt: .invalidParams("Unknown prompt: \(shown)")
        case .complete: .invalidParams("Unknown reference: \(shown)")
        default: RPCError(-32002, "Resource not found: \(shown)", data: JSONWriter.object { $0.member("uri", name) })
        }
    }

    private func refuse(_ request: Forwarding, _ error: RPCError) {
        let status = request.isModern ? ModernRequest.status(of: error.code) : 200
        request.reply.respond(
            ByteBuffer(bytes: error.response(id: request.id)), to: request.id, status: .init(statusCode: status))
    }

    /// Asks for lists one after the other.
    func learn(
        _ kinds: [ListKind], _ request: Forwarding, then: @escaping () -> Void
    ) {
        guard let kind = kinds.first else { return then() }
        ListAssembly(kind, of: request.view, hub: self, session: request.client) { [unowned self] _ in
            learn(Array(kinds.dropFirst()), request, then: then)
        }.start()
    }

    // MARK: - What the gateway does not know

    /// Passes on a request whose method is not known here: to the server of the task, the tool, the prompt or the resource
    /// that it names; otherwise to one server after the other until one knows the method.
    func forwardUnknown(_ request: Forwarding, _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer) {
        let catalogue = request.catalogue
        var servers = servers(of: request.view)
        if let place = message.taskID, let owner = request.client.owner(ofTask: RPCMessage.text(place, bytes)) {
            servers = servers.filter { $0.index == owner }
        } else if let place = message.name {
            let name = RPCMessage.text(place, bytes)
            if let known = catalogue.place(of: name, .tools) ?? catalogue.place(of: name, .prompts) {
                return send(request, message, bytes, place, to: known)
            }
        } else if let place = message.uri, let owner = catalogue.server(ofResource: RPCMessage.text(place, bytes)) {
            servers = servers.filter { $0.index == owner }
        }
        let method = message.methodName.map { RPCMessage.text($0, bytes) } ?? ""
        let task = message.taskID.map { RPCMessage.text($0, bytes) }
        send(request, ByteBuffer(bytes: bytes), method, of: task, toOneOf: servers[...])
    }

    private func send(
        _ request: Forwarding, _ message: ByteBuffer, _ method: String, of task: String?,
        toOneOf servers: ArraySlice<UpstreamServer>
    ) {
        guard let server = servers.first else {
            return refuse(request, task.map { .invalidParams("Unknown task: \($0)") } ?? .methodNotFound(method))
        }
        message.withUnsafeReadableBytes { bytes in
            guard let parsed = try? RPCMessage(bytes, maxDepth: settings.maxJSONDepth) else { return }
            send(request, parsed, bytes, nil, to: (server.index, task ?? ""), isOfTask: task != nil) { [unowned self] in
                send(request, message, method, of: task, toOneOf: servers.dropFirst())
            }
        }
    }

    // MARK: - Sending

    private func send(
        _ request: Forwarding, _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, _ place: JSONSpan?,
        to destination: (server: Int, name: String), isOfTask: Bool = false, orElse next: (() -> Void)? = nil
    ) {
        let server = servers[destination.server]
        // Whose task it is has been permitted to make it.
        let isOwnTask = isOfTask && request.client.owner(ofTask: destination.name) == destination.server
        guard isOwnTask || request.client.permits(destination.name, of: server) else {
            // As if it were not there: lists do not show it either.
            directory.denied()
            guard let method = request.method else { return next?() ?? refuse(request, .methodNotFound("")) }
            let name = place.map { RPCMessage.text($0, bytes) } ?? ""
            return refuse(request, unknown(method, name, request.view))
        }
        let number = nextNumber()
        var splice = Splice()
        splice.replace(message.id, with: number)
        splice.replace(message.progressToken, with: number)
        // A URI stays what it is.
        if let place, place.offset != message.uri?.offset {
            if !JSONText.stands(destination.name, in: bytes[place.offset..<place.end]) {
                splice.replace(place, with: JSONText.quoted(destination.name))
            }
        }
        let tools = request.method == .callTool ? request.catalogue.tools(of: destination.server) : nil
        var parameters = Call.Parameters()
        if request.method == .callTool {
            parameters.declared = tools?.parameterHeaders[destination.name] ?? []
            if let problem = take(request.parameterHeaders, message, bytes, &parameters) {
                return refuse(request, problem)
            }
        }
        let trace = trace(request, message, bytes, target: destination.name, server: server)
        if let trace { message.carryTrace(trace.traceParent, in: &splice, of: bytes) }
        let isRepeatable: Bool =
            switch request.method {
            case .callTool: tools?.repeatable.contains(destination.name) ?? false
            case nil: false
            default: true
            }
        let call = Call(
            number: number, origin: .client(request.reply, id: request.id), method: request.method,
            name: destination.name, message: splice.apply(to: bytes, oneLine: message.hasLineBreaks),
            progressToken: request.progressToken, isRepeatable: isRepeatable, now: now,
            deadline: now + settings.maxCallTime)
        call.isModern = request.isModern
        call.trace = trace
        call.onMethodNotFound = next
        call.isOfTask = isOfTask
        call.parameters = parameters
        if request.isModern { call.exposedName = place.map { RPCMessage.text($0, bytes) } }
        if message.wantsTask || request.isModern && request.method == .callTool {
            call.onTask = { [weak client = request.client] in client?.remember(task: $0, of: destination.server) }
        }
        if request.isModern { cancelOnLeaving(call, request.reply) }
        let upstream = request.client.upstream(server)
        if upstream.mayHandOver { call.client = request.client }
        upstream.submit(call)
    }

    /// To leave is to cancel, where there are no sessions.
    func cancelOnLeaving(_ call: Call, _ reply: ReplyStream) {
        reply.onAbandoned = { [weak call] in
            guard let call, !call.isOver else { return }
            call.session?.cancel(call, notice: call.cancellation)
        }
    }

    /// Compares what a client repeats in headers with the body; what nobody knows passes.
    private func take(
        _ headers: [(name: String, value: String)]?, _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer,
        _ parameters: inout Call.Parameters
    ) -> RPCError? {
        guard let headers else { return nil }
        for header in parameters.declared where header.value(in: message, bytes) != nil {
            guard headers.contains(where: { $0.name == header.name }) else {
                return .headerMismatch("\(header.name) is missing")
            }
        }
        for (name, value) in headers {
            guard let header = parameters.declared.first(where: { $0.name == name }) else {
                parameters.others += "\(name): \(value)\r\n"
                continue
            }
            guard let body = header.value(in: message, bytes), ParameterHeader.isSame(value, as: body) else {
                return .headerMismatch("\(name) is not what the body says")
            }
        }
        return nil
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
