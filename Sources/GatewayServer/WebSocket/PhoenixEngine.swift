import GatewayCore
import NIOCore
import PhoenixProtocol
import WebSocketProtocol
import WireJSON

/// Phoenix Channels over a WebSocket (contract §5).
class PhoenixEngine: SocketEngine {
    final let version: PhoenixVersion
    private var clientID: ClientID?
    private var resumeFromQuery: ResumePoint
    final let isIndependent: Bool
    /// Whether the client has said that it will acknowledge.
    final private(set) var acknowledges = false
    private let policyFromQuery: SlowConsumerPolicy?
    final private(set) var channels: PhoenixChannels
    /// Whether a V2 client wants binary payloads inside their envelopes (`binary: "base64"`).
    final private(set) var wantsBase64 = false
    /// The channel of the whole session, while it is joined.
    final private(set) var gatewayChannel: PhoenixChannels.Channel?
    /// Sequences that went out on their own topics before the gateway channel was joined.
    private var alreadyHad = 0..<0
    /// Topics that were joined when `alreadyHad` ended.
    private var alreadyHadTopics: [String] = []
    /// What the client has used of the events that it may send.
    private var eventUsage = RateLimit.Usage()
    /// What most connections never have.
    final var extras: PhoenixExtras?

    init(_ request: PhoenixRequest, opening: Opening, loop: LoopState) {
        version = request.version
        clientID = request.clientID
        resumeFromQuery = request.resume
        isIndependent = request.isIndependent
        policyFromQuery = request.slowConsumerPolicy
        channels = PhoenixChannels(limit: loop.gateway.settings.maxChannels)
        super.init(opening: opening, limits: loop.gateway.settings.webSocket, loop: loop)
        isSealed = request.isSealed
        if let caller = request.caller { extended.caller = caller }
        guard loop.gateway.gatekeeper.isOn else { return }
        identify(request.principal, isPlaced: false)
        if identity == nil {
            extended.tokenFailure = request.tokenFailure
            extended.strangerDeadline = loop.now + loop.gateway.settings.handshakeTimeout
        }
    }

    override var clientName: String? { clientID?.text }

    /// Whether binary payloads go out as binary frames.
    var takesBinary: Bool { version == .v2 && !wantsBase64 }

    // MARK: - Receiving

    override func receivedBinary(_ bytes: UnsafeRawBufferPointer) {
        // V1 has no binary form; some of its clients send their JSON in binary frames, as Phoenix lets them.
        receive(bytes, isBinary: version == .v2)
    }

    override func receivedText(_ bytes: UnsafeRawBufferPointer) { receive(bytes, isBinary: false) }

    private func receive(_ bytes: UnsafeRawBufferPointer, isBinary: Bool) {
        guard admitsEvent() else { return }
        loop.counters[Int(transport.rawValue)].messagesIn += 1
        if waitingFrames == nil { read(bytes, isBinary: isBinary) }
        // It may be this very frame that has to wait.
        if waitingFrames != nil { hold(bytes, isBinary: isBinary) }
    }

    /// Charges whatever comes on a channel. What is a message, a join or a subscription is charged as that too.
    private func admitsEvent() -> Bool {
        guard let limit = gateway.settings.protection.connectionEvents,
            case .refused(let wait) = limit.admit(&eventUsage, now: loop.now)
        else { return true }
        loop.counters[Int(transport.rawValue)].failed(now: loop.now)
        _ = gateway.accessGuard.refused(.eventRate, wait, peerAddress)
        close(
            .rateLimited, "more than rate_limiting.events a second on this connection",
            reconnect: .after(milliseconds: 5000))
        return false
    }

    override func takeWaitingFrames() { retryWaitingFrames() }

    /// Does what a frame says, unless it has to wait: then `waitingFrames` is there.
    final func read(_ bytes: UnsafeRawBufferPointer, isBinary: Bool) {
        if isBinary { readBinary(bytes) } else { readText(bytes) }
    }

    private func readBinary(_ bytes: UnsafeRawBufferPointer) {
        do throws(PhoenixBinaryFrameError) {
            receivedPush(try PhoenixBinaryFrame.decode(bytes), bytes)
        } catch {
            loop.counters[Int(transport.rawValue)].failed(now: loop.now)
            noteProtocolError(.malformedFrame)
            close(.invalidPayload, error.reason, reconnect: .now)
        }
    }

    private func readText(_ bytes: UnsafeRawBufferPointer) {
        do throws(PhoenixFrameError) {
            let frame = try PhoenixFrame.decode(bytes, version: version, maxDepth: gateway.settings.maxJSONDepth)
            dispatch(Incoming(bytes: bytes, frame: frame))
        } catch {
            loop.counters[Int(transport.rawValue)].failed(now: loop.now)
            noteProtocolError(.malformedFrame)
            close(.invalidPayload, error.reason, reconnect: .now)
        }
    }

    /// Does what a frame says.
    final func dispatch(_ incoming: Incoming) {
        if incoming.bytes.isString(incoming.frame.topic, "phoenix") {
            guard incoming.isEvent("heartbeat") else { return replyUnmatched(incoming) }
            return reply(incoming, joinRef: Incoming.null, isError: false, Self.emptyObject)
        }
        let topic =
            incoming.bytes.isString(incoming.frame.topic, "mcp:gateway")
            ? WellKnownTopic.gateway : JSONText.decode(incoming.topicText)
        let kind: PhoenixChannels.Kind =
            incoming.isEvent("phx_join") ? .join : incoming.isEvent("phx_leave") ? .leave : .other
        let joinRef = incoming.frame.joinRef.map { incoming.bytes[$0] }
        switch channels.received(kind, topic: topic, joinRef: joinRef) {
        case .join(let old): join(topic, incoming, replacing: old)
        case .tooManyChannels:
            reply(incoming, isError: true, Array(#"{"reason":"too many channels joined"}"#.utf8))
        case .leave(let channel): leave(channel, incoming)
        case .leaveUnjoined: reply(incoming, isError: false, Self.emptyObject)
        case .event: event(topic, incoming)
        case .unmatched: replyUnmatched(incoming)
        case .ignore: break
        }
    }

    // MARK: - Joining and leaving

    private func join(_ topic: String, _ incoming: Incoming, replacing old: PhoenixChannels.Channel?) {
        let attachment: Session.Attachment
        do throws(Problem) {
            guard topic == WellKnownTopic.gateway || Name.isValid(topic) else {
                throw .invalidMessage("a topic must have " + Name.rule)
            }
            let parameters = try JoinParameters(incoming.payload, maxDepth: gateway.settings.maxJSONDepth)
            try authenticate(parameters)
            if !isRetrying { try chargeJoin(of: try client(parameters)) }
            if handle == nil, mustWait(for: [try client(parameters)].filter(gateway.mustRestore)) { return }
            guard mayGoOn(joining: topic, parameters, incoming) else { return }
            attachment = try enter(topic, parameters)
            wantsBase64 = parameters.wantsBase64 ?? wantsBase64
            if parameters.followsViability { followViability() }
        } catch {
            return reply(incoming, error)
        }
        // V1 clients cannot tell an old channel's close from the new one's: they get it first.
        if let old, version == .v1 { pushClose(old) }
        channels.joined(topic, joinRef: Array(incoming.joinRef))
        if topic == WellKnownTopic.gateway { gatewayChannel = channels.channel(topic) }
        reply(incoming, isError: false, joinResponse(attachment))
        if let old, version == .v2 { pushClose(old) }
        // What waits leaves right behind the reply.
        loop.context.wakes.insert(id)
    }

    /// Becomes a cursor, or changes what it carries.
    private func enter(_ topic: String, _ parameters: JoinParameters) throws(Problem) -> Session.Attachment {
        let client = try client(parameters)
        let isGateway = topic == WellKnownTopic.gateway
        var topics = parameters.topics
        if let room = parameters.room { topics.append(WellKnownTopic.room(room)) }
        if !isGateway { topics.append(topic) }
        guard topics.allSatisfy(Name.isValid) else { throw .invalidMessage("a topic must have " + Name.rule) }
        guard topics.count <= gateway.sessionLimits.maxTopics else { throw .tooManyTopics(gateway.sessionLimits) }

        var request = Session.AttachRequest(connection: id, transport: .webSocket)
        request.resume = parameters.resume.isExplicit ? parameters.resume : resumeFromQuery
        request.acknowledges = parameters.acknowledges
        request.takesBundles = parameters.takesBundles
        request.slowConsumerPolicy =
            try parameters.slowConsumerPolicy.map { name throws(Problem) in
                try gateway.slowConsumerPolicy(named: name)
            } ?? policyFromQuery
        request.isIndependent = isIndependent || parameters.isIndependent
        let before = claims
        let isNew = handle == nil
        let isPromoted = isGateway && !isNew && gatewayChannel == nil
        let attachment: Session.Attachment
        if isPromoted {
            alreadyHadTopics = channels.all.map(\.topic)
            (attachment, alreadyHad) = try attach(client, request, promoting: true)
            resumeFromQuery = .none
        } else if isNew || isGateway && parameters.resume.isExplicit {
            detach(leaving: false)
            if !isGateway {
                request.isIndependent = true
                request.carriesAll = false
            }
            attachment = try attach(client, request).attachment
            resumeFromQuery = .none
            topics = before + topics
        } else {
            attachment = presentPlace()
        }
        do throws(Problem) {
            for topic in topics { try claim(topic) }
        } catch {
            // The join is refused: everything is as it was before.
            if isNew {
                detach(leaving: true)
            } else {
                for topic in claims where !before.contains(topic) { unclaim(topic) }
                if isPromoted, let handle { continueWithTopics(handle) }
            }
            throw error
        }
        clientID = client
        acknowledges = acknowledges || parameters.acknowledges
        return attachment
    }

    /// Takes up channels that were joined before, here or elsewhere. There is no join to answer: a client that does not
    /// go on without a hole is told by the event `connected`, with the members of a join's reply.
    final func restore(_ token: LongPollToken) throws(Problem) {
        guard let client = clientID else { throw .invalidClientID }
        for channel in token.channels { channels.joined(channel.topic, joinRef: channel.joinRef) }
        gatewayChannel = channels.channel(WellKnownTopic.gateway)
        acknowledges = token.acknowledges
        var request = Session.AttachRequest(connection: id, transport: .webSocket)
        request.resume = .after(EventID(epoch: Epoch(token.epoch), sequence: token.nextSequence - 1))
        request.acknowledges = token.acknowledges
        request.isIndependent = isIndependent || gatewayChannel == nil
        request.carriesAll = gatewayChannel != nil
        let attachment = try attach(client, request).attachment
        for topic in token.topics { try claim(topic) }
        guard !attachment.recovered else { return }
        write(event: "connected", data: joinResponse(attachment), sequence: attachment.nextSequence - 1)
    }

    final func client(_ parameters: JoinParameters) throws(Problem) -> ClientID {
        guard let text = parameters.clientID else {
            if let clientID { return clientID }
            return try gateway.client(nil, of: identity?.principal)
        }
        guard let given = ClientID(text) else { throw .invalidClientID }
        if let problem = gateway.accessGuard.refusal(client: given) { throw problem }
        if let clientID, clientID != given {
            throw Problem(409, "client_id_conflict", "this socket belongs to client \(clientID.text) already")
        }
        return given
    }

    /// What a join is told when the connection stays where it is.
    private func presentPlace() -> Session.Attachment {
        let next = handle.map { $0.session.withLock { $0.nextSequence } } ?? 0
        return Session.Attachment(replayed: max(0, next - takenBefore), nextSequence: next)
    }

    private func leave(_ channel: PhoenixChannels.Channel, _ incoming: Incoming) {
        channels.left(channel.topic)
        if channel.topic == WellKnownTopic.gateway {
            let own = Set(channels.all.map(\.topic))
            for topic in claims where !own.contains(topic) { unclaim(topic) }
            gatewayChannel = nil
            if let handle, !channels.isEmpty { continueWithTopics(handle) }
        } else {
            unclaim(channel.topic)
        }
        if channels.isEmpty { detach(leaving: true) }
        if messageChannel?.topic == channel.topic { closeMessageChannel() }
        reply(incoming, isError: false, Self.emptyObject)
        pushClose(channel)
    }

    override func writeWaiting(isStalled: Bool) { if messageChannel != nil { writeMessages(isStalled: isStalled) } }

    override var isOwedAnswers: Bool { messageChannel != nil }

    override var strangerDeadline: Instant? { extras?.strangerDeadline }

    override func goAway() {
        closeMessageChannel()
        super.goAway()
    }

    override func closed() {
        closeMessageChannel()
        super.closed()
    }

    /// The gateway channel has been left, but other topics are joined: the connection goes on with those.
    private func continueWithTopics(_ handle: SessionHandle) {
        let topics = claims
        var request = Session.AttachRequest(connection: id, transport: .webSocket)
        request.isIndependent = true
        request.carriesAll = false
        request.resume = .afterSequence(takenBefore - 1)
        // Taken up again before they are released, so that the topics' member lists stay as they are.
        detach(leaving: false)
        _ = try? attach(handle.clientID, request)
        for topic in topics { try? claim(topic) }
    }

    private func joinResponse(_ attachment: Session.Attachment) -> [UInt8] {
        JSONWriter.object { writer in
            writer.member("client_id", clientID?.text)
            writer.member("transport", transportName)
            writer.member("epoch", epochText.text)
            writer.member("next_sequence", attachment.nextSequence)
            writer.member("recovered", attachment.recovered)
            writer.member("reason", attachment.reason?.rawValue)
            writer.member("replayed", attachment.replayed)
            writer.member("active", attachment.isActive)
            writer.member("node", gateway.settings.nodeID)
        }
    }

    // MARK: - Writing

    override func write(_ message: Message, sequence: Int) {
        if let channel = channel(of: message, sequence) { push(message, sequence, on: channel) }
    }

    /// The channel that a message arrives on; `nil` if none carries it, or it has come already.
    func channel(of message: Message, _ sequence: Int) -> PhoenixChannels.Channel? {
        guard let topic = message.topic, let own = channels.channel(topic) else { return gatewayChannel }
        return alreadyHad.contains(sequence) && alreadyHadTopics.contains(topic) ? nil : own
    }

    private func push(_ message: Message, _ sequence: Int, on channel: PhoenixChannels.Channel) {
        if let binary = message.binary, takesBinary {
            pushBinary(message, binary, on: channel)
        } else {
            pushEnvelope(message, sequence, on: channel)
        }
    }

    /// Pushes a message with its envelope.
    func pushEnvelope(_ message: Message, _ sequence: Int, on channel: PhoenixChannels.Channel) {
        var compressed: ByteBuffer?
        if deflateWindowBits > 0, SharedCompression.isWorth(message, now: loop.now) {
            let ending = version == .v2 ? SharedCompression.Ending.phoenixV2 : .phoenixV1
            compressed =
                loop.compression.shared(
                    message, .init(windowBits: Int(deflateWindowBits), ending: ending)
                ).bytes
        }
        if let compressionContext {
            if compressed == nil {
                PushWriter.writeText(
                    message, sequence: sequence, channel: channel, version: version, epoch: epochText, to: &loop.text)
                return writeText()
            }
            compressionContext.forget()
        }
        PushWriter.write(
            message, sequence: sequence, channel: channel, version: version, epoch: epochText, compressed: compressed,
            to: &loop.outbound)
    }

    override func write(event: String, data: [UInt8], sequence: Int) {
        push(
            topic: WellKnownTopic.gateway, event: event, payload: envelope(event, data: data, sequence: sequence))
    }

    override func writePresence(_ event: String, topic: String, data: [UInt8]) {
        // On its own channel a presence is what Phoenix's clients know: the bare state, without an envelope.
        if channels.channel(topic) != nil { return push(topic: topic, event: event, payload: data) }
        guard gatewayChannel != nil else { return }
        let payload = envelope(event, topic: topic, data: data, sequence: takenBefore - 1)
        push(topic: WellKnownTopic.gateway, event: event, payload: payload)
    }

    override func writeBundle(_ batch: [Session.Delivery]) -> Bool {
        guard gatewayChannel != nil else { return false }
        pushBundle(batch)
        return true
    }

    override func writeGap(from: Int, to: Int, reason: String) {
        let data = gapData(from: from, to: to, reason: reason)
        guard gatewayChannel == nil else { return write(event: "gap", data: data, sequence: to) }
        // Without the gateway channel each topic may have lost something.
        let payload = envelope("gap", data: data, sequence: to)
        for channel in channels.all { push(topic: channel.topic, event: "gap", payload: payload) }
    }

    override func announceClose(_ code: CloseCode, reason: String, reconnect: Reconnect) {
        let payload = JSONWriter.object { writer in
            writer.member("code", code.rawValue)
            writer.member("reason", reason)
            switch reconnect {
            case .never: writer.member("reconnect", "never")
            case .now: writer.member("reconnect", "now")
            case .after: writer.member("reconnect", "after")
            }
            writer.key("retry_after_ms")
            if case .after(let milliseconds) = reconnect { writer.value(milliseconds) } else { writer.value(0) }
        }
        push(topic: WellKnownTopic.gateway, event: "gateway_close", payload: payload)
    }

    func push(topic: String, event: String, payload: [UInt8]) {
        PhoenixWriter.appendPush(
            version, joinRef: channels.channel(topic)?.joinRef ?? PhoenixWriter.null, ref: PhoenixWriter.null,
            topic: topic, event: event, payload: payload, to: &loop.text)
        writeText()
    }

    /// The end of a channel, in the name of its join.
    private func pushClose(_ channel: PhoenixChannels.Channel) {
        PhoenixWriter.appendPush(
            version, joinRef: channel.joinRef, ref: channel.joinRef, topic: channel.topic, event: "phx_close",
            payload: Self.emptyObject, to: &loop.text)
        writeText()
    }

    override func write(_ answer: StoredAnswer, to address: ReplyAddress) {
        address.withTexts { joinRef, ref, topic in
            let response: [UInt8]
            let isError: Bool
            switch answer {
            case .success(let body): (response, isError) = (body, false)
            case .failure(let problem): (response, isError) = (problem.json, true)
            }
            PhoenixWriter.appendReply(
                version, joinRef: joinRef, ref: ref, topic: topic, isError: isError, response: response,
                to: &loop.text)
            writeText()
        }
    }
}
