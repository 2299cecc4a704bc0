import GatewayCore
import GatewayStore
import WireJSON

extension Message {
    /// The envelope as one JSON object, without a place in a log.
    var wholeEnvelope: [UInt8] { [UInt8(ascii: "{")] + Array(buffer: tail) }
}

/// What messages have in common, whoever sends them: they are encoded once, find their places in the logs, and are
/// stored before they are answered.
extension Gateway {
    /// The answer to an id that has been here before.
    /// - Returns: `nil` if it is given later.
    func settled(
        _ answer: IdempotencyLedger.Answer, sender: String, id: String, _ later: AnswerLater
    ) throws(Problem) -> IdempotencyLedger.Answer? {
        guard case .storing = answer else { return answer }
        let settled = ledger.whenSettled(sender: sender, id: id, later)
        if case .storing? = settled { throw .notStored(StoreError(.failing, "")) }
        return settled
    }

    /// Lets the writer store a message that has its places in the logs of its recipients.
    func store(
        sender: String, id: String?, _ remembered: IdempotencyLedger.Answer, _ body: [UInt8],
        _ context: inout PublishContext, _ later: AnswerLater
    ) {
        guard let storage, let message = context.stored else { return }
        let accepted = context.wallClock
        let age = min(settings.session.offlineAge, message.expiresAt - context.now)
        let answer = id.map { id in
            RememberedAnswer(
                sender: sender, messageID: id, at: accepted,
                until: Timestamp(milliseconds: accepted.milliseconds + settings.idempotencyWindow.milliseconds),
                body: body)
        }
        let write = StoreWrite(
            message: message, acceptedAt: accepted,
            expiresAt: Timestamp(milliseconds: accepted.milliseconds + age.milliseconds),
            deliveries: context.deliveries, answer: answer)
        let sessions = context.sessions
        context.deliveries = []
        context.stored = nil
        context.sessions = []
        storage.submit(
            PendingWrite(
                write: write, sessions: sessions, sender: sender, id: id, remembered: remembered, body: body,
                later: later))
    }

    /// Refuses a message that would have to be stored and cannot be.
    func requireStorage(_ message: Message) throws(Problem) {
        if message.isDurable, let problem = storage?.refusal() { throw problem }
    }

    /// Notes that a place in a log is to be stored.
    func note(
        _ message: Message, _ handle: SessionHandle, _ result: Session.AppendResult, _ context: inout PublishContext
    ) {
        guard message.isDurable, storage != nil else { return }
        switch result {
        case .delivered(let sequence, _), .queued(let sequence):
            context.deliveries.append(
                StoreWrite.Delivery(
                    client: handle.clientID, place: StorePlace(life: handle.life, sequence: sequence)))
            context.sessions.append(handle)
            context.stored = message
        case .full: break
        }
    }

    /// Refuses a message that a rule or a limit of the policy refuses, or that there is no room for.
    func require(
        _ request: PublishRequest, from sender: SessionHandle?, _ context: borrowing PublishContext
    ) throws(Problem) {
        guard let policy = context.policy else { return try memory.require(request.priority) }
        // The type is decoded for rules only.
        let type = policy.table == nil ? "" : request.type.map { JSONText.decode(request.bytes[$0]) } ?? ""
        try policyGate.require(
            request.priority, client: sender?.clientID.text, tier: sender == nil ? nil : context.tier, type: type,
            memory: memory, policy, now: context.now)
    }

    func encode(
        _ request: PublishRequest, data: JSONSpan, topic: String?, from: String?, isDurable: Bool,
        _ context: inout PublishContext
    ) -> Message {
        var content = EnvelopeEncoder.Content(type: request.typeText, data: request.bytes[data])
        content.binary = request.binary
        content.dataHasLineBreaks = request.hasLineBreaks
        content.id = request.id
        content.topic = topic
        content.from = from
        content.event = request.event
        content.priority = request.priority
        content.transport = request.transport
        content.key = request.key
        content.isDurable = request.isDurable ?? isDurable
        content.trace = trace(request, &context)
        if let timeToLive = request.timeToLive { content.expiresAt = context.now + timeToLive }
        return EnvelopeEncoder.encode(
            content, identifiers: &context.identifiers, now: context.now, wallClock: context.wallClock)
    }

    /// Whether the topic keeps the message: its sender says so, or else the operator. `null` as data ends the keeping.
    func retention(_ request: PublishRequest, _ data: JSONSpan, _ message: Message) -> Retention? {
        let isWanted = request.isRetained ?? settings.keepsLastMessage(of: message.topic)
        guard isWanted else { return nil }
        return request.bytes[data].first == UInt8(ascii: "n") ? .clear : .keep(message.retained())
    }

    func send(
        _ message: Message, toTopic topic: String, _ retention: Retention?, _ context: inout PublishContext
    ) -> PublishOutcome {
        var outcome = PublishOutcome(message)
        topics.withMembers(topic, retention: retention) { members in
            outcome.results.reserveCapacity(min(members.count, PublishOutcome.maxResults))
            for handle in members { append(message, to: handle, &outcome, &context) }
        }
        return outcome
    }

    func send(
        _ message: Message, to recipient: ClientID, _ outcome: inout PublishOutcome, _ context: inout PublishContext
    ) throws(Problem) {
        if !message.isDurable {
            // Nothing waits for a client that nobody knows.
            if let handle = directory.find(recipient) { append(message, to: handle, &outcome, &context) }
            return
        }
        let appended = directory.withSession(recipient, now: context.now) { handle, session in
            (handle, append(message, &session, of: handle, &context))
        }
        guard let (handle, result) = appended else { throw directory.refusal(recipient) }
        note(message, handle, result, &context)
        outcome.add(recipient, result)
    }

    /// Puts a message into a log, and tells those who follow its client.
    func append(
        _ message: Message, _ session: inout Session, of handle: SessionHandle, _ context: inout PublishContext
    ) -> Session.AppendResult {
        let result = session.append(message, limits: logLimits(session), now: context.now, wakes: &context.wakes)
        if observers.isUsed { observers.appended(message, result, handle.clientID) }
        return result
    }

    func append(
        _ message: Message, to handle: SessionHandle, _ outcome: inout PublishOutcome, _ context: inout PublishContext
    ) {
        let result = handle.session.withLock { append(message, &$0, of: handle, &context) }
        note(message, handle, result, &context)
        outcome.add(handle.clientID, result)
    }
}

extension Problem {
    static func queueFull(_ client: ClientID) -> Problem {
        Problem(
            503, "overloaded",
            "the offline queue of client \(client.text) is full (session.offline_messages, session.offline_bytes)",
            retryAfter: 5)
    }
}
