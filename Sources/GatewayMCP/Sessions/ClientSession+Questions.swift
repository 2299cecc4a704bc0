import GatewayCore
import ModelContextProtocol
import NIOCore
import WireJSON

/// What servers want to know of the client.
extension ClientSession {
    /// A server asks the client something. The answer finds its way back by the number that the question gets here.
    /// - Parameter call: the call that it belongs to, where that is known.
    func ask(
        _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, from session: UpstreamSession, for call: Call?
    ) {
        guard let place = message.id else { return }
        guard !isPrincipal else { return hold(call, message, bytes, from: session) }
        let id = [UInt8](bytes[place.offset..<place.end])
        let token = message.progressToken.map { [UInt8](bytes[$0.offset..<$0.end]) }
        guard let number = add(.init(session: session, id: id, progressToken: token, call: call)) else {
            return session.send(ByteBuffer(bytes: RPCError.internalError(Self.tooMany).response(id: id)))
        }
        call?.isHeld = true
        var splice = Splice()
        splice.replace(place, with: number)
        splice.replace(message.progressToken, with: number)
        deliver(splice.apply(to: bytes, oneLine: message.hasLineBreaks), on: call?.reply)
    }

    private static let tooMany = "the client has not answered what it was asked before (mcp.max_calls)"

    private func add(_ question: OpenQuestions.Question) -> Int? {
        questions.add(
            question, limit: hub.settings.maxCalls, patience: hub.settings.inputTimeout, now: hub.now)
    }

    /// A client without a session is asked by the answer to its call, and calls again.
    private func hold(
        _ call: Call?, _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, from session: UpstreamSession
    ) {
        let needed: String? =
            switch message.method {
            case .elicit: "elicitation"
            case .createMessage: "sampling"
            case .listRoots: "roots"
            default: nil
            }
        let hasRoom = hub.heldCalls.values.count { $0.session === self } < hub.settings.maxCalls
        guard let call, let needed, hasRoom, call.clientID != nil, ModernRequest.declares(capabilities, needed) else {
            let error = RPCError.methodNotFound("nobody can be asked")
            let id = message.id.map { [UInt8](bytes[$0.offset..<$0.end]) }
            return session.send(ByteBuffer(bytes: error.response(id: id)))
        }
        let held = call.held ?? HeldCall(call, of: self)
        call.held = held
        held.asked(message, bytes, by: session)
    }

    /// A server that cannot ask by itself wants to know something.
    /// - Parameter answered: takes JSON text of the client's result; `nil` for an error, or if it cannot be asked now.
    func ask(_ request: InputRequired.Request, on stream: ReplyStream?, _ answered: @escaping ([UInt8]?) -> Void) {
        guard let number = add(.init(answered: answered)) else { return answered(nil) }
        var message = ByteBuffer(
            bytes: JSONWriter.object { writer in
                writer.member("jsonrpc", "2.0")
                writer.member("id", number)
                writer.member("method", request.method)
                if let params = request.params { writer.member("params", raw: params) }
            })
        Splice.joinLines(&message)
        deliver(message, on: stream)
    }

    /// The client answers a server's question: it goes to that server and no other.
    func answer(_ message: RPCMessage, _ bytes: UnsafeRawBufferPointer) {
        guard let place = message.id, let number = RPCMessage.integer(place, bytes),
            let question = questions.remove(number)
        else { return }
        question.call?.isHeld = false
        question.call?.lastActivity = hub.now
        if let answered = question.answered {
            return answered(message.result.map { [UInt8](bytes[$0.offset..<$0.end]) })
        }
        var splice = Splice()
        splice.replace(place, with: question.id)
        question.session?.send(splice.apply(to: bytes, oneLine: true))
    }

    /// A server takes a question back.
    func withdraw(_ id: [UInt8], _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, from session: UpstreamSession)
    {
        guard let number = questions.id(of: id, from: session) else { return }
        questions.remove(number)?.call?.isHeld = false
        var splice = Splice()
        splice.replace(message.requestID, with: number)
        deliver(splice.apply(to: bytes, oneLine: message.hasLineBreaks), on: nil)
    }

    /// A session with a server has ended: what it has asked will not be wanted any more.
    func forgetQuestions(of session: UpstreamSession) { questions.forget(session) }
}
