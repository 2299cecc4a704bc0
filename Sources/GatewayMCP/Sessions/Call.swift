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
    let number: Int
    let origin: Origin
    /// What is asked; `nil` if the gateway does not know it.
    let method: RPCMethod?
    /// Name or URI, as the server calls it; for the headers of 2026-07-28.
    let name: String?
    /// The message as the server gets it.
    var message: ByteBuffer
    /// What the client wants progress to be called.
    let progressToken: [UInt8]?
    /// Whether asking twice does no harm.
    let isRepeatable: Bool
    /// Whether the client speaks a revision without sessions: its answers have members that older servers do not know.
    var isModern = false
    /// Called instead of answering when the server does not know the method.
    var onMethodNotFound: (() -> Void)?
    /// Called with the task that comes instead of a result.
    var onTask: ((String) -> Void)?
    var attempts = 0
    /// The replica that failed it last.
    var failedReplica: Int?
    /// When it began, and when it last showed a sign of life.
    let startedAt: Instant
    var lastActivity: Instant
    let deadline: Instant
    /// The answer has been given, or nobody waits for it any more.
    private(set) var isOver = false
    /// Where the call is pending.
    weak var session: UpstreamSession?

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

    /// What `Mcp-Name` repeats.
    var headerName: String? {
        switch method {
        case .callTool, .getPrompt, .readResource: name
        default: nil
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
    func modernMessage(clientInfo: [UInt8], _ maxDepth: Int) -> ByteBuffer {
        guard !isModern else { return message }
        return message.withUnsafeReadableBytes { bytes in
            guard let parsed = try? RPCMessage(bytes, maxDepth: maxDepth) else { return message }
            return ModernRequest.modernized(parsed, bytes, clientInfo: clientInfo)
        }
    }

    func finish(_ outcome: CallOutcome) {
        guard !isOver else { return }
        isOver = true
        session = nil
        message = ByteBuffer()
        switch origin {
        case .gateway(let body): body(outcome)
        case .client(let reply, let id):
            switch outcome {
            case .answered(let message, let bytes):
                if let onMethodNotFound, message.errorCode(bytes) == -32601 { return onMethodNotFound() }
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

    /// Nobody waits for the answer any more.
    func abandon() {
        isOver = true
        session = nil
        message = ByteBuffer()
    }
}
