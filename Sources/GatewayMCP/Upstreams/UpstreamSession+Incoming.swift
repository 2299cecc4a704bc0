import GatewayCore
import ModelContextProtocol
import NIOCore
import WireJSON

/// What a server says: answers, news and questions, each to whom it belongs.
extension UpstreamSession {
    /// One message of the server.
    /// - Parameter call: the call that it came with, where the carrier knows.
    func received(_ bytes: UnsafeRawBufferPointer, with call: Call? = nil) {
        let message: RPCMessage
        do throws(RPCError) {
            message = try RPCMessage(bytes, maxDepth: hub.settings.maxJSONDepth)
        } catch {
            // Some programs print to the stream that is the protocol's. That is theirs to mend, and ours to survive.
            return hub.logger.debug("not a message", metadata: ["server": "\(server.name)"])
        }
        switch message.kind {
        case .response: answered(message, bytes, call)
        case .notification: notified(message, bytes, call)
        case .request: asked(message, bytes, call)
        }
    }

    private func answered(_ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, _ carrier: Call?) {
        let number = message.id.flatMap { RPCMessage.integer($0, bytes) } ?? carrier?.number
        if phase == .opening, let number, openingAnswered(number, message, bytes) { return }
        // What nobody asked for, or what was answered before, is nobody's.
        guard let number else { return }
        guard let call = calls.removeValue(forKey: number) else { return answeredNoCall(number) }
        if wantsInput(call, message, bytes) {
            calls[number] = call
            server.gate?.leave(call, .answered)
            return
        }
        if call.method == .subscribe, message.result != nil, let name = call.name { subscriptions[name] = call }
        if call.method == .unsubscribe, let name = call.name { subscriptions[name] = nil }
        noteSubscription(call, message)
        finish(call, .answered(message, bytes))
    }

    /// Keeps account of what a client with a session has subscribed to.
    private func noteSubscription(_ call: Call, _ message: RPCMessage) {
        guard message.result != nil, let name = call.name, let client = call.reply?.session else { return }
        if call.method == .subscribe { client.resources.subscribed.insert(name) }
        if call.method == .unsubscribe { client.resources.subscribed.remove(name) }
    }

    /// Whether a call's answer is a question that somebody is asked now: a server without sessions asks by its answer, and a
    /// client with one is asked as it knows it.
    private func wantsInput(_ call: Call, _ message: RPCMessage, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard isModern, !call.isModern, let client, call.clientID != nil,
            let required = InputRequired(message, bytes)
        else { return false }
        call.isBetweenRounds = true
        let round = InputRound(call, required, session: self)
        // Not at once: the answer has not been taken yet.
        hub.eventLoop.assumeIsolated().execute {
            guard !call.isOver else { return }
            round.begin(required, client)
        }
        return true
    }

    /// Whether what was said to `server/discover` comes from a server of the era without sessions.
    static func isModernAnswer(_ message: RPCMessage, _ bytes: UnsafeRawBufferPointer) -> Bool {
        if let result = message.result {
            let text = String(decoding: bytes[result.offset..<result.end], as: UTF8.self)
            return text.contains("\"supportedVersions\"")
                && text.contains("\"\(ProtocolVersion.july2026.rawValue)\"")
        }
        return message.errorCode(bytes).map { (-32_029 ... -32_020).contains($0) } ?? false
    }

    /// A call goes on its way once more, under a new number.
    func callAgain(_ call: Call, responses: [(key: String, value: [UInt8])], state: [UInt8]?) {
        guard calls.removeValue(forKey: call.number) === call else { return }
        let original = call.firstMessage ?? call.message
        let number = hub.nextNumber()
        let message = original.withUnsafeReadableBytes { bytes in
            (try? RPCMessage(bytes, maxDepth: hub.settings.maxJSONDepth)).map {
                InputRequired.retry($0, bytes, number: number, responses: responses, state: state)
            }
        }
        call.renumber(number, message ?? original)
        call.firstMessage = original
        call.lastActivity = hub.now
        calls[number] = call
        if phase == .ready { dispatch(call) } else { waiting.append(call) }
    }

    private func notified(_ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, _ carrier: Call?) {
        switch message.method {
        case .progress:
            guard let place = message.notifiedToken, let number = RPCMessage.integer(place, bytes),
                let call = calls[number], let token = call.progressToken
            else { return }
            call.lastActivity = hub.now
            var splice = Splice()
            splice.replace(place, with: token)
            call.reply?.emit(splice.apply(to: bytes, oneLine: message.hasLineBreaks))
        case .toolsChanged: changed(.tools)
        case .promptsChanged: changed(.prompts)
        case .resourcesChanged: changed(.resources)
        case .resourceUpdated:
            guard let client else { return hub.resourceUpdated(message, bytes, by: server) }
            client.resourceUpdated(message, bytes, on: carrier?.reply)
        case .cancelled:
            guard let place = message.requestID else { return }
            for call in calls.values { call.held?.withdraw([UInt8](bytes[place.offset..<place.end])) }
            client?.withdraw([UInt8](bytes[place.offset..<place.end]), message, bytes, from: self)
        default:
            // The beginning of the server's own stream, where the era without sessions has one.
            if let name = message.methodName,
                RPCMessage.text(name, bytes) == "notifications/subscriptions/acknowledged"
            {
                return newsBegan()
            }
            carrier?.lastActivity = hub.now
            // What the newer revision reserves is not for clients of the older ones.
            let isModern = client?.isPrincipal == true
            let copy =
                isModern
                ? Splice().apply(to: bytes, oneLine: message.hasLineBreaks)
                : ModernRequest.legacyNotification(message, bytes)
            if let stream = (carrier ?? onlyCall)?.reply, message.method == .logMessage {
                if stream.wants(message, bytes) { stream.emit(copy) }
            } else {
                client?.deliver(copy, on: carrier?.reply)
            }
        }
    }

    private func changed(_ kind: ListKind) {
        hub.serverChanged(kind, server: server, client: client)
    }

    /// The only call on its way: what comes over a pipe belongs to it.
    private var onlyCall: Call? { calls.count == 1 ? calls.first?.value : nil }

    private func asked(_ message: RPCMessage, _ bytes: UnsafeRawBufferPointer, _ carrier: Call?) {
        guard let id = message.id.map({ [UInt8](bytes[$0.offset..<$0.end]) }) else { return }
        if message.method == .ping {
            return transmit(ByteBuffer(bytes: RPCAnswer.empty(id: id)))
        }
        // Requests without a session come from many: what cannot be told whose it is must not reach anybody.
        let isSafe = client?.isPrincipal != true
        let oldest = isSafe ? calls.values.filter { $0.reply != nil }.min { $0.number < $1.number } : nil
        let call = carrier ?? onlyCall ?? oldest
        call?.lastActivity = hub.now
        guard let client else {
            let error = RPCError.methodNotFound(message.methodName.map { RPCMessage.text($0, bytes) } ?? "")
            return transmit(ByteBuffer(bytes: error.response(id: id)))
        }
        client.ask(message, bytes, from: self, for: call)
    }
}
