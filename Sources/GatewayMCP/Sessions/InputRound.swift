import GatewayCore
import ModelContextProtocol
import NIOCore

/// What a server of the revision without sessions asks instead of answering a call of a client with a session: the client is
/// asked over its own streams, and the call goes to the server once more with what it said.
final class InputRound {
    let call: Call
    private weak var session: UpstreamSession?
    private let state: [UInt8]?
    private var unanswered: Set<String>
    private var responses: [(key: String, value: [UInt8])] = []
    private var isOver = false

    init(_ call: Call, _ required: InputRequired, session: UpstreamSession) {
        self.call = call
        self.session = session
        state = required.state
        unanswered = Set(required.requests.map(\.key))
    }

    /// Asks the client everything that the server wants to know.
    func begin(_ required: InputRequired, _ client: ClientSession) {
        guard !required.requests.isEmpty else {
            // There is nothing to ask: the server wants to be called again, but not at once.
            return _ = client.hub.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(250)) { [self] in
                if !call.isOver { finish() }
            }
        }
        call.isHeld = true
        for request in required.requests {
            client.ask(request, on: call.reply) { [self] said in answered(request, said) }
        }
    }

    /// - Parameter said: JSON text of the client's result; `nil` if it answered with an error.
    private func answered(_ request: InputRequired.Request, _ said: [UInt8]?) {
        guard !isOver, unanswered.remove(request.key) != nil else { return }
        if let said {
            responses.append((request.key, said))
        } else if request.method == RPCMethod.elicit.rawValue {
            responses.append((request.key, Array(#"{"action":"cancel"}"#.utf8)))
        } else {
            // There is no way to tell the server of a refusal; without an answer the call leads to nothing.
            isOver = true
            session?.failed(call, RPCError(-32603, "the client refused \(request.method), which the server needs"))
        }
        if !isOver, unanswered.isEmpty { finish() }
    }

    private func finish() {
        isOver = true
        call.isHeld = false
        session?.callAgain(call, responses: responses, state: state)
    }
}
