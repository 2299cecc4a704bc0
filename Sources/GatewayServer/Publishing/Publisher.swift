import GatewayCore
import GatewayStore
import PhoenixProtocol
import WireJSON

/// What one publisher brings along: its clock readings, its source of ids, and the wakes that it has caused. Each event
/// loop has one; others make theirs.
struct PublishContext {
    var identifiers = IdentifierSource()
    var now: Instant
    var wallClock: Timestamp
    var wakes: WakeSet
    /// Places that the present message has got and that are to be stored.
    var deliveries: [StoreWrite.Delivery] = []
    /// The sessions of `deliveries`.
    var sessions: [SessionHandle] = []
    /// The message that they belong to.
    var stored: Message?
    /// What a handler is to answer.
    var call: HandlerCall?
    /// Where in a trace the request stands that the message came with.
    var traceParent: TraceContext?
    /// The tier of the token of the client that the present message is from; whoever takes a client's message says it.
    var tier: String?
    /// What S5 lays down; `nil` where it says nothing.
    var policy: PolicyView?
    /// The trace of the present message, if it is recorded.
    var trace: MessageTrace?
}

extension PublishContext {
    /// What a handler is to answer, once.
    mutating func takeCall() -> HandlerCall? {
        guard call != nil else { return nil }
        defer { call = nil }
        return call
    }
}

extension Message {
    /// The envelope as one JSON object, without a place in a log.
    var wholeEnvelope: [UInt8] { [UInt8(ascii: "{")] + Array(buffer: tail) }
}

/// A client's message that was taken.
enum Accepted {
    /// It went where it belongs; `operation` is its place in the log of operations, if it went there.
    case new(Message, operation: EventID?)
    /// Its sender had given the same id before.
    case repeated(id: String, operation: EventID?)
    /// Its sender had given the same id before a crash, and got this answer.
    case recalled([UInt8])

    /// The answer: `{id, operation_id}`. What went to other clients is its own operation.
    var json: [UInt8] {
        switch self {
        case .new(let message, let operation): Self.json(message.id, operation)
        case .repeated(let id, let operation): Self.json(id, operation)
        case .recalled(let body): body
        }
    }

    static func json(_ id: String, _ operation: EventID?) -> [UInt8] {
        JSONWriter.object { writer in
            writer.member("id", id)
            writer.member("operation_id", operation?.description ?? id)
        }
    }
}

/// Who received a message.
struct PublishOutcome: Equatable, Sendable {
    struct Recipient: Equatable, Sendable {
        enum Fate: Equatable, Sendable {
            case delivered(sequence: Int, by: Transport)
            case queued(sequence: Int)
            case refused(String)
        }

        let clientID: ClientID
        let fate: Fate
    }

    let id: String
    var delivered = 0
    var queued = 0
    /// The first recipients, at most `maxResults`.
    var results: [Recipient] = []

    static let maxResults = 100

    init(_ message: Message) { id = message.id }

    mutating func add(_ clientID: ClientID, _ result: Session.AppendResult) {
        let fate: Recipient.Fate
        switch result {
        case .delivered(let sequence, let transport):
            delivered += 1
            fate = .delivered(sequence: sequence, by: transport)
        case .queued(let sequence):
            queued += 1
            fate = .queued(sequence: sequence)
        case .full:
            fate = .refused("queue_full")
        }
        if results.count < Self.maxResults { results.append(Recipient(clientID: clientID, fate: fate)) }
    }

    mutating func refuse(_ clientID: ClientID, _ reason: String) {
        if results.count < Self.maxResults { results.append(Recipient(clientID: clientID, fate: .refused(reason))) }
    }

    /// The answer of `POST /mcp/messages` (contract §7).
    var json: [UInt8] {
        JSONWriter.object { writer in
            writer.member("id", id)
            writer.member("delivered", delivered)
            writer.member("queued", queued)
            writer.key("results")
            writer.array { writer in
                for recipient in results {
                    writer.object { writer in
                        writer.member("client_id", recipient.clientID.text)
                        switch recipient.fate {
                        case .delivered(let sequence, let transport):
                            writer.member("sequence", sequence)
                            writer.member("transport", transport.name)
                        case .queued(let sequence):
                            writer.member("sequence", sequence)
                            writer.member("transport", "queued")
                        case .refused(let reason):
                            writer.member("error", reason)
                        }
                    }
                }
            }
        }
    }
}

extension Gateway {
    /// Sends what a back end asked for (`POST /mcp/messages`).
    /// - Returns: the answer's JSON text; `nil` if it is given later, when the message is stored.
    func publish(
        _ request: PublishRequest, _ context: inout PublishContext, later: @autoclosure () -> AnswerLater
    ) throws(Problem) -> [UInt8]? {
        guard let id = request.id else {
            let outcome = try publishNew(request, &context)
            let body = outcome.json
            guard !context.deliveries.isEmpty else { return body }
            store(sender: "", id: nil, .published(outcome), body, &context, later())
            return nil
        }
        var fresh: PublishOutcome?
        let answer = try ledger.once(sender: "", id: id, now: context.now) { () throws(Problem) in
            let outcome = try publishNew(request, &context)
            fresh = outcome
            return context.deliveries.isEmpty ? .published(outcome) : .storing
        }
        if let fresh {
            let body = fresh.json
            guard !context.deliveries.isEmpty else { return body }
            store(sender: "", id: id, .published(fresh), body, &context, later())
            return nil
        }
        switch try settled(answer, sender: "", id: id, later()) {
        case .published(let outcome)?: return outcome.json
        case .recalled(let body)?: return body
        case nil: return nil
        case .accepted?, .storing?: preconditionFailure("Back ends are their own sender")
        }
    }

    /// The answer to an id that has been here before.
    /// - Returns: `nil` if it is given later.
    private func settled(
        _ answer: IdempotencyLedger.Answer, sender: String, id: String, _ later: AnswerLater
    ) throws(Problem) -> IdempotencyLedger.Answer? {
        guard case .storing = answer else { return answer }
        let settled = ledger.whenSettled(sender: sender, id: id, later)
        if case .storing? = settled { throw .notStored(StoreError(.failing, "")) }
        return settled
    }

    /// Lets the writer store a message that has its places in the logs of its recipients.
    private func store(
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
    private func requireStorage(_ message: Message) throws(Problem) {
        if message.isDurable, let problem = storage?.refusal() { throw problem }
    }

    /// Notes that a place in a log is to be stored.
    private func note(
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

    /// Sends a back end's message, however often its id has been here.
    func publishNew(
        _ request: PublishRequest, _ context: inout PublishContext
    ) throws(Problem) -> PublishOutcome {
        guard observesPublishing else { return try route(request, &context).0 }
        let begun = Clock.now
        let (outcome, message, routed) = try route(request, &context)
        let destination = request.destination
        observe(
            Published(
                message: message, route: destination.kind, destination: destination.name, delivered: outcome.delivered,
                queued: outcome.queued, recipients: outcome.text, begun: begun, routed: routed), &context)
        return outcome
    }

    /// Refuses a message that a rule or a limit of the policy refuses, or that there is no room for.
    private func require(
        _ request: PublishRequest, from sender: SessionHandle?, _ context: borrowing PublishContext
    ) throws(Problem) {
        guard let policy = context.policy else { return try memory.require(request.priority) }
        // The type is decoded for rules only.
        let type = policy.table == nil ? "" : request.type.map { JSONText.decode(request.bytes[$0]) } ?? ""
        try policyGate.require(
            request.priority, client: sender?.clientID.text, tier: sender == nil ? nil : context.tier, type: type,
            memory: memory, policy, now: context.now)
    }

    private func route(
        _ request: PublishRequest, _ context: inout PublishContext
    ) throws(Problem) -> (PublishOutcome, Message, routed: Instant) {
        guard let data = request.data else { throw .missingFields }
        try require(request, from: nil, context)
        if request.to != nil { throw .invalidMessage("`to` is for clients; back ends give client_id") }
        let targets = [
            request.clientID != nil, request.clientIDs != nil, request.topic != nil, request.isBroadcast,
        ].count { $0 }
        guard targets == 1 else {
            throw .invalidMessage("give exactly one of client_id, client_ids, topic and broadcast")
        }
        if let topic = request.topic {
            let message = encode(request, data: data, topic: topic, from: nil, isDurable: false, &context)
            try requireStorage(message)
            let routed = routingBegins
            return (send(message, toTopic: topic, retention(request, data, message), &context), message, routed)
        }
        if request.isBroadcast {
            let message = encode(request, data: data, topic: nil, from: nil, isDurable: false, &context)
            try requireStorage(message)
            let routed = routingBegins
            var outcome = PublishOutcome(message)
            directory.forEach { append(message, to: $0, &outcome, &context) }
            return (outcome, message, routed)
        }
        var recipients: [ClientID] = []
        var seen: Set<ClientID> = []
        for text in request.clientIDs ?? [request.clientID ?? ""] {
            guard let id = ClientID(text) else { throw .invalidClientID }
            if seen.insert(id).inserted { recipients.append(id) }
        }
        let message = encode(request, data: data, topic: nil, from: nil, isDurable: true, &context)
        try requireStorage(message)
        let routed = routingBegins
        var outcome = PublishOutcome(message)
        for recipient in recipients {
            do throws(Problem) {
                try send(message, to: recipient, &outcome, &context)
            } catch {
                // Others may have it already: the answer says who has not.
                guard recipients.count > 1 else { throw error }
                outcome.refuse(recipient, error.error)
            }
        }
        if recipients.count == 1, case .refused = outcome.results.first?.fate { throw .queueFull(recipients[0]) }
        return (outcome, message, routed)
    }

    /// The time, if anybody wants to know.
    private var routingBegins: Instant { tracing == nil ? .zero : Clock.now }

    /// Takes a message from a client and lets it go where it belongs (contract §10).
    /// - Returns: `nil` if the answer is given later, when the message is stored.
    func accept(
        _ request: PublishRequest, from sender: SessionHandle, channel: String? = nil, _ context: inout PublishContext,
        later: @autoclosure () -> AnswerLater
    ) throws(Problem) -> Accepted? {
        let (accepted, isStoring) = try admit(request, from: sender, channel: channel, &context, later: later())
        return isStoring ? nil : accepted
    }

    /// As `accept`, for those who need to know now what the answer will be if all goes well.
    /// - Returns: also whether the answer is given later.
    func admit(
        _ request: PublishRequest, from sender: SessionHandle, channel: String?, _ context: inout PublishContext,
        later: @autoclosure () -> AnswerLater
    ) throws(Problem) -> (Accepted, isStoring: Bool) {
        let name = sender.clientID.text
        guard let id = request.id else {
            let accepted = try acceptNew(request, from: sender, channel: channel, &context)
            if let call = context.takeCall() {
                begin(call, id: nil, later())
                return (accepted, true)
            }
            guard !context.deliveries.isEmpty, case .new(let message, _) = accepted else { return (accepted, false) }
            store(
                sender: name, id: nil, .accepted(id: message.id, operation: nil), accepted.json, &context,
                later())
            return (accepted, true)
        }
        var fresh: Accepted?
        let answer = try ledger.once(
            sender: name, id: id, now: context.now
        ) { () throws(Problem) in
            let accepted = try acceptNew(request, from: sender, channel: channel, &context)
            fresh = accepted
            guard case .new(_, let operation) = accepted else { preconditionFailure("It is new") }
            let isAnswered = context.deliveries.isEmpty && context.call == nil
            return isAnswered ? .accepted(id: id, operation: operation) : .storing
        }
        if let fresh {
            if let call = context.takeCall() {
                begin(call, id: id, later())
                return (fresh, true)
            }
            guard !context.deliveries.isEmpty else { return (fresh, false) }
            store(sender: name, id: id, .accepted(id: id, operation: nil), fresh.json, &context, later())
            return (fresh, true)
        }
        switch try settled(answer, sender: name, id: id, later()) {
        case .accepted(let known, let operation)?: return (.repeated(id: known, operation: operation), false)
        case .recalled(let body)?: return (.recalled(body), false)
        case nil: return (.repeated(id: id, operation: nil), true)
        case .published?, .storing?: preconditionFailure("Clients are never the sender without a name")
        }
    }

    private func acceptNew(
        _ request: PublishRequest, from sender: SessionHandle, channel: String?, _ context: inout PublishContext
    ) throws(Problem) -> Accepted {
        guard observesPublishing else { return try routeNew(request, from: sender, channel: channel, &context) }
        let begun = Clock.now
        let accepted = try routeNew(request, from: sender, channel: channel, &context)
        guard case .new(let message, _) = accepted else { return accepted }
        let name = request.type.map { JSONText.decode(request.bytes[$0]) } ?? ""
        let (route, destination) = described(request, type: name, channel: channel, sender: sender.clientID.text)
        observe(
            Published(
                message: message, route: route, destination: destination, sender: sender.clientID.text, begun: begun,
                routed: begun), &context)
        return accepted
    }

    /// Where a client's message goes, in words.
    private func described(
        _ request: PublishRequest, type: String, channel: String?, sender: String
    ) -> (route: String, destination: String) {
        if let to = request.to { return ("to", to) }
        if let topic = request.topic { return ("topic", topic) }
        let pattern = settings.routes.first { $0.matches(type) }?.pattern ?? "*"
        return switch handler(ofType: type, channel: channel) {
        case .echo: ("\(pattern) echo", sender)
        case .events: ("\(pattern) events", "events")
        case .topic(let topic): ("\(pattern) topic", topic)
        case .handler(let handler): ("\(pattern) handler", handler.name)
        }
    }

    private func routeNew(
        _ request: PublishRequest, from sender: SessionHandle, channel: String?, _ context: inout PublishContext
    ) throws(Problem) -> Accepted {
        guard let type = request.type, let data = request.data else { throw .missingFields }
        try validate(request)
        try require(request, from: sender, context)
        let from = sender.clientID.text
        if let to = request.to {
            guard let recipient = ClientID(to) else { throw .invalidMessage("to: \(Problem.invalidClientID.reason)") }
            guard request.topic == nil else { throw .invalidMessage("give either `to` or `topic`") }
            let message = encode(request, data: data, topic: nil, from: from, isDurable: true, &context)
            try requireStorage(message)
            var outcome = PublishOutcome(message)
            try send(message, to: recipient, &outcome, &context)
            if case .refused = outcome.results.first?.fate { throw .queueFull(recipient) }
            return .new(message, operation: nil)
        }
        if let topic = request.topic {
            let message = encode(request, data: data, topic: topic, from: from, isDurable: false, &context)
            try requireStorage(message)
            _ = send(message, toTopic: topic, retention(request, data, message), &context)
            return .new(message, operation: nil)
        }
        let name = JSONText.decode(request.bytes[type])
        switch handler(ofType: name, channel: channel) {
        case .echo: return .new(try echo(request, data: data, to: sender, &context), operation: nil)
        case .events:
            let message = encode(request, data: data, topic: nil, from: from, isDurable: true, &context)
            return .new(message, operation: try operations.append(message, &context))
        case .topic(let topic):
            let message = encode(request, data: data, topic: topic, from: from, isDurable: false, &context)
            try requireStorage(message)
            _ = send(message, toTopic: topic, retention(request, data, message), &context)
            return .new(message, operation: nil)
        case .handler(let handler):
            guard handler.enter() else {
                throw Problem(
                    503, "overloaded", "the handler of this type of message has as many as it takes", retryAfter: 1)
            }
            let message = encode(request, data: data, topic: nil, from: from, isDurable: false, &context)
            context.call = HandlerCall(
                handler: handler,
                message: ClientMessage(
                    id: message.id, clientID: sender.clientID, type: name, data: Array(request.bytes[data]),
                    envelope: message.wholeEnvelope, attributes: sender.attributes, trace: message.trace?.context),
                sender: sender)
            return .new(message, operation: nil)
        }
    }

    /// The first route that takes the type. What is pushed on a topic's own channel goes to the topic before it goes to
    /// the route for everything.
    private func handler(ofType type: String, channel: String?) -> Route.Handler {
        let route = settings.routes.first { $0.matches(type) }
        if let channel, route == nil || route?.pattern == "*" { return .topic(channel) }
        return route?.handler ?? .events
    }

    private func echo(
        _ request: PublishRequest, data: JSONSpan, to sender: SessionHandle, _ context: inout PublishContext
    ) throws(Problem) -> Message {
        let message = encode(
            request, data: data, topic: nil, from: sender.clientID.text, isDurable: false, &context)
        try requireStorage(message)
        let result = sender.session.withLock { append(message, &$0, of: sender, &context) }
        note(message, sender, result, &context)
        return message
    }

    private func encode(
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
    private func retention(_ request: PublishRequest, _ data: JSONSpan, _ message: Message) -> Retention? {
        let isWanted = request.isRetained ?? settings.keepsLastMessage(of: message.topic)
        guard isWanted else { return nil }
        return request.bytes[data].first == UInt8(ascii: "n") ? .clear : .keep(message.retained())
    }

    private func send(
        _ message: Message, toTopic topic: String, _ retention: Retention?, _ context: inout PublishContext
    ) -> PublishOutcome {
        var outcome = PublishOutcome(message)
        topics.withMembers(topic, retention: retention) { members in
            outcome.results.reserveCapacity(min(members.count, PublishOutcome.maxResults))
            for handle in members { append(message, to: handle, &outcome, &context) }
        }
        return outcome
    }

    private func send(
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
    private func append(
        _ message: Message, _ session: inout Session, of handle: SessionHandle, _ context: inout PublishContext
    ) -> Session.AppendResult {
        let result = session.append(message, limits: sessionLimits, now: context.now, wakes: &context.wakes)
        if observers.isUsed { observers.appended(message, result, handle.clientID) }
        return result
    }

    private func append(
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
