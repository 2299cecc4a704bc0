import GatewayCore
import NIOCore
import NIOHTTP1
import PhoenixProtocol
import WireJSON

/// `/mcp/ws/longpoll`: Phoenix Channels for those whose network lets no WebSocket through.
extension Gateway {
    static let longPollPath = "/mcp/ws/longpoll"

    /// Reads a request. A session costs nothing before its first request with a token: all there is to know is in there.
    func longPoll(_ request: FrontRequest, _ cors: HTTPHeaders, _ loop: LoopState) throws(Problem) -> FrontDecision {
        guard admitsClients else { throw admission.later(.draining) }
        let isPoll = request.head.method == .GET
        let phoenix = try phoenixRequest(request)
        let text =
            request.head.headers.first(name: "x-phoenix-longpoll-token")
            ?? request.target.last("token", startingWith: LongPollTokens.prefix)
        guard let token = text.flatMap({ longPollTokens.token($0, now: loop.context.wallClock.milliseconds) }) else {
            var response = isPoll ? gone(phoenix.version, loop) : LongPollAnswer.status(410)
            response.headers.add(contentsOf: cors)
            return .answer(response)
        }
        return .longPoll(
            LongPollCall(
                number: loop.context.identifiers.next(), token: token,
                work: isPoll ? .poll : .post(request.body, try longPollMessages(request)), request: phoenix,
                address: request.remoteAddress, headers: cors))
    }

    private func longPollMessages(_ request: FrontRequest) throws(Problem) -> [LongPollBody.Message] {
        let type = request.head.headers.first(name: "content-type")?.prefix { $0 != ";" }.lowercased()
        let isBatch = type?.filter { $0 != " " } == "application/x-ndjson"
        let settings = settings
        let result = request.body.withUnsafeReadableBytes { bytes in
            Result { () throws(LongPollBody.Refusal) in
                try LongPollBody.messages(
                    bytes, isBatch: isBatch, maxMessages: settings.longPoll.maxBatch,
                    maxSize: settings.webSocket.maxMessageSize)
            }
        }
        do throws(LongPollBody.Refusal) {
            return try result.get()
        } catch {
            switch error {
            case .empty: throw .badRequest("the body has no message")
            case .notBase64(let line): throw .badRequest("line \(line) is neither JSON nor base64")
            case .tooMany:
                throw Problem(
                    413, "message_too_large",
                    "a request may have \(settings.longPoll.maxBatch) messages (transports.websocket.longpoll.max_batch)"
                )
            case .tooLarge:
                throw Problem(
                    413, "message_too_large",
                    "a message may have \(settings.webSocket.maxMessageSize) bytes "
                        + "(transports.websocket.max_message_size)")
            }
        }
    }

    /// A token that knows of nothing yet.
    func freshToken(_ version: PhoenixVersion, _ loop: LoopState) -> LongPollToken {
        let session = LongPollToken.Session(high: .random(in: 0 ... .max), low: .random(in: 0 ... .max))
        let lifetime = settings.longPoll.tokenLifetime.milliseconds
        return LongPollToken(
            session: session, version: version, expiresAt: loop.context.wallClock.milliseconds + lifetime)
    }

    /// What a poll is told that has no session to go on with: that, and a token for a new one.
    func gone(_ version: PhoenixVersion, _ loop: LoopState) -> APIResponse {
        LongPollAnswer.poll(
            .gone, token: longPollTokens.text(freshToken(version, loop)), messages: EmptyCollection())
    }

    /// Brings a request to its session.
    /// - Parameter respond: called exactly once, on any thread.
    func handle(_ call: LongPollCall, respond: @escaping LongPollCarrier.Respond) {
        var answer: LongPollCarrier.Respond = { response in
            var response = response
            response.headers.add(contentsOf: call.headers)
            respond(response)
        }
        if case .poll = call.work {
            guard waitingPolls.increment() <= settings.longPoll.maxPolls else {
                waitingPolls.decrement()
                let problem = Problem(
                    503, "overloaded", "as many polls as transports.websocket.longpoll.max_polls allows")
                return answer(LongPollAnswer.problem(admission.later(problem), isPoll: true))
            }
            answer = { [waitingPolls, answer] response in
                waitingPolls.decrement()
                answer(response)
            }
        }
        onOwner(of: call.token.session) { [answer] loop in
            guard let client = ClientID(call.token.clientID), self.mustRestore(client) else {
                return self.handle(call, on: loop, answer)
            }
            self.restore([client], on: loop.index) { self.handle(call, on: $0, answer) }
        }
    }

    /// The connection that a poll came on has gone.
    func abandon(_ call: LongPollCall) {
        onOwner(of: call.token.session) { loop in
            loop.begin()
            loop.longPolls[call.token.session]?.cancel(call.number)
        }
    }

    /// Every session belongs to one event loop; its name, drawn at random, says to which.
    private func onOwner(of session: LongPollToken.Session, _ body: @escaping @Sendable (LoopState) -> Void) {
        onLoop(Int(session.low % UInt64(loopCount)), body)
    }

    private func handle(_ call: LongPollCall, on loop: LoopState, _ respond: @escaping LongPollCarrier.Respond) {
        loop.begin()
        var isPoll = false
        if case .poll = call.work { isPoll = true }
        let carrier: LongPollCarrier
        do throws(Problem) {
            if let known = loop.longPolls[call.token.session] {
                guard known.belongs(to: call.request.principal) else {
                    return respond(isPoll ? gone(call.token.version, loop) : LongPollAnswer.status(410))
                }
                carrier = known
            } else if let taken = try takeUp(call, loop) {
                carrier = taken
            } else {
                return respond(isPoll ? gone(call.token.version, loop) : LongPollAnswer.status(410))
            }
        } catch {
            return respond(LongPollAnswer.problem(error, isPoll: isPoll))
        }
        switch call.work {
        case .poll: carrier.poll(call, respond)
        case .post(let body, let messages): respond(carrier.post(call, body, messages))
        }
    }

    /// A session that this node does not know: it begins, or it goes on here after a rest, a restart, or another node.
    /// - Returns: `nil` if it cannot.
    private func takeUp(_ call: LongPollCall, _ loop: LoopState) throws(Problem) -> LongPollCarrier? {
        let token = call.token
        guard !token.isEnded, token.isWhole else { return nil }
        guard admitsClients else { throw admission.later(.draining) }
        var request = call.request
        request.version = token.version
        if !token.channels.isEmpty {
            request.clientID = ClientID(token.clientID)
            request.isIndependent = token.isIndependent
            request.resume = .none
        }
        let engine = LongPollEngine(request, position: token.position, loop: loop)
        let isKept = engine.isWantedInEveryMode
        if let problem = admission.enter(.webSocket, address: call.address, isKept: isKept) { throw problem }
        let carrier = LongPollCarrier(token.session, engine, address: call.address, loop: loop)
        loop.enter(carrier, visitAt: loop.now + settings.longPoll.idleTimeout)
        loop.longPolls[token.session] = carrier
        connectionOpened(engine, on: loop)
        do throws(Problem) {
            try carrier.start(token)
        } catch {
            carrier.leave()
            throw error
        }
        return carrier
    }
}
