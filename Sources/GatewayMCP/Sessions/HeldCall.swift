import GatewayCore
import ModelContextProtocol
import NIOCore
import WireJSON

/// A call of a client without a session whose server, of the revisions with sessions, has asked something in the middle of
/// it. The client has been answered with the question (`input_required`); the call itself waits at the server until the
/// client calls again with what was asked, or until nobody does for too long.
final class HeldCall {
    /// A question that the client has not answered yet.
    private struct Question {
        weak var session: UpstreamSession?
        /// The id that the server knows it by.
        let id: [UInt8]
        let request: InputRequired.Request
    }

    private unowned let hub: MCPHub
    let call: Call
    /// Whose call it is, and what it calls: who brings the state back must mean the same.
    private(set) weak var session: ClientSession?
    let name: String?
    private var questions: [Question] = []
    private var nextKey = 1
    /// What the client is to bring back; nobody can guess it. A new one for each time that the client is asked.
    private var state: String?
    private var waitsUntil = Instant.zero
    /// What the server said in the end, when nobody was there to hear it.
    private var outcome: Outcome?

    private enum Outcome {
        case answered(ByteBuffer)
        case failed(RPCError)
    }

    /// What tells states of the gateway from those of servers.
    private static let mark = "mcp-gateway:"

    init(_ call: Call, of session: ClientSession) {
        self.call = call
        self.session = session
        hub = session.hub
        name = call.exposedName
    }

    /// The event loop that a state belongs to; `nil` if it is a server's own.
    static func owner(ofState state: String) -> Int? {
        guard state.hasPrefix(mark) else { return nil }
        return Int(state.dropFirst(mark.count).prefix { $0 != "." })
    }

    /// The server asks.
    func asked(_ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, by session: UpstreamSession) {
        guard let id = message.id, let method = message.methodName else { return }
        var params = message.params.map { [UInt8](bytes[$0.offset..<$0.end]) }
        if message.hasLineBreaks { params = params.map { $0.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 } } }
        let request = InputRequired.Request(
            key: "\(nextKey)", method: RPCMessage.text(method, bytes), params: params)
        nextKey += 1
        questions.append(Question(session: session, id: [UInt8](bytes[id.offset..<id.end]), request: request))
        call.isHeld = true
        // While the client is away it cannot be asked: it is when it comes again.
        if state == nil { askClient() }
    }

    /// The server does not want to know any more.
    func withdraw(_ id: [UInt8]) { questions.removeAll { $0.id == id } }

    private func askClient() {
        guard let reply = call.reply, let id = call.clientID else { return }
        var generator = SystemRandomNumberGenerator()
        let state =
            "\(Self.mark)\(hub.index).\(String(generator.next(), radix: 36))-\(String(generator.next(), radix: 36))"
        self.state = state
        waitsUntil = hub.now + hub.settings.inputTimeout
        hub.heldCalls[state] = self
        reply.onAbandoned = nil
        let result = InputRequired.result(questions.map(\.request), state: state, server: hub.ownInfo)
        reply.respond(ByteBuffer(bytes: RPCAnswer.result(result, id: id)), to: id)
    }

    /// The client calls again.
    func resume(
        _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, id: [UInt8], token: [UInt8]?, on reply: ReplyStream
    ) {
        if let state { hub.heldCalls[state] = nil }
        state = nil
        call.wait(on: reply, id: id, progressToken: token)
        call.lastActivity = hub.now
        hub.cancelOnLeaving(call, reply)
        let responses = InputRequired.responses(message, bytes)
        for question in questions {
            guard let said = responses[question.request.key] else { continue }
            question.session?.send(ByteBuffer(bytes: RPCAnswer.result(said, id: question.id)))
        }
        questions.removeAll { responses[$0.request.key] != nil }
        switch outcome {
        case .answered(let answer):
            answer.withUnsafeReadableBytes { bytes in
                guard let message = try? RPCMessage(bytes, maxDepth: hub.settings.maxJSONDepth) else { return }
                call.answer(.answered(message, bytes))
            }
        case .failed(let error): call.answer(.failed(error))
        case nil: if questions.isEmpty { call.isHeld = false } else { askClient() }
        }
    }

    /// The server has said the last word while the client was away.
    /// - Returns: whether it waits for the client.
    func keep(_ result: CallOutcome) -> Bool {
        guard state != nil else { return false }
        switch result {
        case .answered(_, let bytes): outcome = .answered(ByteBuffer(bytes: bytes))
        case .failed(let error): outcome = .failed(error)
        }
        return true
    }

    /// Gives the call up when the client does not come again.
    func tend(now: Instant) {
        guard now > waitsUntil, let state else { return }
        hub.heldCalls[state] = nil
        self.state = nil
        call.session?.cancel(call, notice: call.cancellation)
        call.abandon()
    }
}
