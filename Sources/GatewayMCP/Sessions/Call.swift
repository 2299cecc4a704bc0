import GatewayCore
import ModelContextProtocol
import NIOCore

/// What became of a call.
enum CallOutcome {
    /// The server's answer, and the bytes it stands in.
    case answered(RPCMessage, UnsafeRawBufferPointer)
    case failed(RPCError)
}

/// One request on its way to a server: a client's, or the gateway's own.
final class Call {
    /// Who waits for the answer.
    enum Origin {
        /// A client, who knows the request by this id.
        case client(ReplyStream, id: [UInt8])
        case gateway((CallOutcome) -> Void)
    }

    /// What the server knows the request by; also its progress token. No two calls of an event loop share it.
    private(set) var number: Int
    private(set) var origin: Origin
    /// What is asked; `nil` if the gateway does not know it.
    let method: RPCMethod?
    /// Name or URI, as the server calls it; for the headers of 2026-07-28.
    let name: String?
    /// The message as the server gets it.
    var message: ByteBuffer
    /// What the client wants progress to be called.
    private(set) var progressToken: [UInt8]?
    /// Whether asking twice does no harm.
    let isRepeatable: Bool
    /// Whether the client speaks a revision without sessions: its answers have members that older servers do not know.
    var isModern = false
    /// Called instead of answering when the server does not know the method.
    var onMethodNotFound: (() -> Void)?
    /// Name or URI, as the client calls it.
    var exposedName: String?
    /// Whether it is about a task: then it may be another server's that does not know it.
    var isOfTask = false
    /// Arguments that are repeated in headers, and what else the client said in such headers.
    var parameters = Parameters()
    /// Whether its client is being asked something; then it is the client that is waited for.
    var isHeld = false {
        // How long a client thinks says nothing about the server, and keeps nobody from it.
        didSet { if isHeld { session?.server.gate?.leave(self, .ignored) } }
    }
    /// Its turn at the server.
    var turn = CallGate.Turn.none
    /// Keeps it while a client without a session is asked.
    var held: HeldCall?
    /// Whether the server has answered with a question, and waits to be called again.
    var isBetweenRounds = false
    /// The message before anything was asked.
    var firstMessage: ByteBuffer?
    /// Called with the task that comes instead of a result.
    var onTask: ((String) -> Void)?
    /// Its spans, if anybody wants them.
    var trace: CallTrace?
    var attempts = 0
    /// The replica that failed it last.
    var failedReplica: Int?
    /// When it began, and when it last showed a sign of life.
    let startedAt: Instant
    var lastActivity: Instant
    let deadline: Instant
    /// The answer has been given, or nobody waits for it any more.
    private(set) var isOver = false
    struct Parameters {
        /// Those that the tool's schema names.
        var declared: [ParameterHeader] = []
        /// Whole lines.
        var others = ""
    }

    /// Where the call is pending.
    weak var session: UpstreamSession?
    /// Whose it is, while it may have to be sent in a session of that client's own instead.
    weak var client: ClientSession?

    init(
        number: Int, origin: Origin, method: RPCMethod?, name: String? = nil, message: ByteBuffer,
        progressToken: [UInt8]? = nil, isRepeatable: Bool, now: Instant, deadline: Instant
    ) {
        self.number = number
        self.origin = origin
        self.method = method
        self.name = name
        self.message = message
        self.progressToken = progressToken
        self.isRepeatable = isRepeatable
        self.startedAt = now
        self.lastActivity = now
        self.deadline = deadline
    }

    /// The stream that the client reads the answer from.
    var reply: ReplyStream? {
        if case .client(let reply, _) = origin { reply } else { nil }
    }

    /// What the client knows it by.
    var clientID: [UInt8]? {
        if case .client(_, let id) = origin { id } else { nil }
    }

    /// The client waits for the answer elsewhere.
    func wait(on reply: ReplyStream, id: [UInt8], progressToken: [UInt8]?) {
        origin = .client(reply, id: id)
        self.progressToken = progressToken
    }

    /// The same call under a new number.
    func renumber(_ number: Int, _ message: ByteBuffer) {
        self.number = number
        self.message = message
        isBetweenRounds = false
        attempts = 0
    }

    /// Tells a server that nobody waits for it any more.
    var cancellation: ByteBuffer {
        ByteBuffer(
            string:
                "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":\(number)}}")
    }

    /// What `Mcp-Name` repeats.
    var headerName: String? {
        switch method {
        case .callTool, .getPrompt, .readResource: name
        case nil: isOfTask ? name : nil
        default: nil
        }
    }

    /// The headers that repeat arguments, as lines.
    func parameterFields(_ maxDepth: Int) -> String {
        guard !parameters.declared.isEmpty else { return parameters.others }
        return message.withUnsafeReadableBytes { bytes in
            guard let parsed = try? RPCMessage(bytes, maxDepth: maxDepth) else { return parameters.others }
            var lines = parameters.others
            for header in parameters.declared {
                guard let value = header.value(in: parsed, bytes) else { continue }
                lines += "\(header.name): \(HeaderText.encode(value))\r\n"
            }
            return lines
        }
    }

    /// What `Mcp-Method` repeats.
    func methodName(_ maxDepth: Int) -> String {
        if let method { return method.rawValue }
        return message.withUnsafeReadableBytes { bytes in
            guard let parsed = try? RPCMessage(bytes, maxDepth: maxDepth), let place = parsed.methodName else {
                return ""
            }
            return RPCMessage.text(place, bytes)
        }
    }

    /// The message for a server of the revisions with sessions.
    func legacyMessage(_ maxDepth: Int) -> ByteBuffer {
        guard isModern else { return message }
        return message.withUnsafeReadableBytes { bytes in
            guard let parsed = try? RPCMessage(bytes, maxDepth: maxDepth), parsed.meta != nil else { return message }
            var splice = Splice()
            splice.replace(
                parsed.meta, with: ModernRequest.legacyMeta(parsed, bytes, progressToken: number) ?? Array("{}".utf8))
            return splice.apply(to: bytes)
        }
    }

    /// The message for a server of the revision without sessions: it says in itself what a handshake would have said.
    func modernMessage(clientInfo: [UInt8], capabilities: [UInt8], _ maxDepth: Int) -> ByteBuffer {
        guard !isModern else { return message }
        return message.withUnsafeReadableBytes { bytes in
            guard let parsed = try? RPCMessage(bytes, maxDepth: maxDepth) else { return message }
            return ModernRequest.modernized(parsed, bytes, clientInfo: clientInfo, capabilities: capabilities)
        }
    }

    func finish(_ outcome: CallOutcome) {
        guard !isOver else { return }
        isOver = true
        session = nil
        message = ByteBuffer()
        firstMessage = nil
        endTrace(outcome)
        if held?.keep(outcome) == true { return }
        answer(outcome)
    }

    /// Tells whoever waits.
    func answer(_ outcome: CallOutcome) {
        held = nil
        switch origin {
        case .gateway(let body): body(outcome)
        case .client(let reply, let id):
            switch outcome {
            case .answered(let message, let bytes):
                if let onMethodNotFound, isNotFound(message.errorCode(bytes)) { return onMethodNotFound() }
                if let onTask, let task = message.createdTask(bytes) { onTask(task) }
                var splice = Splice()
                if let place = message.id {
                    splice.replace(place, with: id)
                    var status = 200
                    if isModern {
                        if let members = ModernRequest.missingMembers(
                            method, message, bytes, server: reply.hub.ownInfo),
                            let result = message.result
                        {
                            splice.insert(members, at: result.offset + 1)
                        }
                        if let code = message.errorCode(bytes) { status = ModernRequest.status(of: code) }
                    }
                    reply.respond(
                        splice.apply(to: bytes, oneLine: message.hasLineBreaks), to: id,
                        status: .init(statusCode: status))
                } else {
                    // An error that could not name the request: it can only be this one.
                    let error = RPCError.internalError("the server could not read the request")
                    reply.respond(ByteBuffer(bytes: error.response(id: id)), to: id)
                }
            case .failed where onMethodNotFound != nil: onMethodNotFound?()
            case .failed(let error): reply.respond(ByteBuffer(bytes: error.response(id: id)), to: id)
            }
        }
    }

    private func isNotFound(_ code: Int?) -> Bool { code == -32601 || isOfTask && code == -32602 }

    private func endTrace(_ outcome: CallOutcome) {
        guard let trace else { return }
        self.trace = nil
        switch outcome {
        case .failed(let error): trace.end(error: "\(error.code)", message: error.message)
        case .answered(let message, let bytes):
            if let code = message.errorCode(bytes) {
                trace.end(error: "\(code)", message: nil)
            } else {
                trace.end(error: message.isToolError(bytes) ? "tool_error" : nil, message: nil)
            }
        }
    }

    /// Nobody waits for the answer any more.
    func abandon() {
        trace?.end(error: "cancelled", message: nil)
        trace = nil
        isOver = true
        held = nil
        firstMessage = nil
        session = nil
        message = ByteBuffer()
    }
}
