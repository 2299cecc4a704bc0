import GatewayCore
import PhoenixProtocol
import WireJSON

/// What one publisher brings along: its clock readings, its source of ids, and the wakes that it has caused. Each event
/// loop has one; others make theirs.
struct PublishContext {
    var identifiers = IdentifierSource()
    var now: Instant
    var wallClock: Timestamp
    var wakes: WakeSet
}

/// A client's message that was taken.
enum Accepted {
    /// It went where it belongs; `operation` is its place in the log of operations, if it went there.
    case new(Message, operation: EventID?)
    /// Its sender had given the same id before.
    case repeated(id: String, operation: EventID?)

    /// The answer: `{id, operation_id}`. What went to other clients is its own operation.
    var json: [UInt8] {
        switch self {
        case .new(let message, let operation): Self.json(message.id, operation)
        case .repeated(let id, let operation): Self.json(id, operation)
        }
    }

    private static func json(_ id: String, _ operation: EventID?) -> [UInt8] {
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
    func publish(_ request: PublishRequest, _ context: inout PublishContext) throws(Problem) -> PublishOutcome {
        guard let id = request.id else { return try publishNew(request, &context) }
        let answer = try ledger.once(sender: "", id: id, now: context.now) { () throws(Problem) in
            .published(try publishNew(request, &context))
        }
        guard case .published(let outcome) = answer else { preconditionFailure("Back ends are their own sender") }
        return outcome
    }

    private func publishNew(
        _ request: PublishRequest, _ context: inout PublishContext
    ) throws(Problem) -> PublishOutcome {
        guard let data = request.data else { throw .missingFields }
        if request.to != nil { throw .invalidMessage("`to` is for clients; back ends give client_id") }
        let targets = [
            request.clientID != nil, request.clientIDs != nil, request.topic != nil, request.isBroadcast,
        ].count { $0 }
        guard targets == 1 else {
            throw .invalidMessage("give exactly one of client_id, client_ids, topic and broadcast")
        }
        if let topic = request.topic {
            let message = encode(request, data: data, topic: topic, from: nil, isDurable: false, &context)
            return send(message, toTopic: topic, retention(request, data, message), &context)
        }
        if request.isBroadcast {
            let message = encode(request, data: data, topic: nil, from: nil, isDurable: false, &context)
            var outcome = PublishOutcome(id: message.id)
            directory.forEach { append(message, to: $0, &outcome, &context) }
            return outcome
        }
        var recipients: [ClientID] = []
        var seen: Set<ClientID> = []
        for text in request.clientIDs ?? [request.clientID ?? ""] {
            guard let id = ClientID(text) else { throw .invalidClientID }
            if seen.insert(id).inserted { recipients.append(id) }
        }
        let message = encode(request, data: data, topic: nil, from: nil, isDurable: true, &context)
        var outcome = PublishOutcome(id: message.id)
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
        return outcome
    }

    /// Takes a message from a client and lets it go where it belongs (contract §10).
    func accept(
        _ request: PublishRequest, from sender: SessionHandle, channel: String? = nil, _ context: inout PublishContext
    ) throws(Problem) -> Accepted {
        guard let id = request.id else { return try acceptNew(request, from: sender, channel: channel, &context) }
        var fresh: Accepted?
        let answer = try ledger.once(
            sender: sender.clientID.text, id: id, now: context.now
        ) { () throws(Problem) in
            let accepted = try acceptNew(request, from: sender, channel: channel, &context)
            fresh = accepted
            guard case .new(_, let operation) = accepted else { preconditionFailure("It is new") }
            return .accepted(id: id, operation: operation)
        }
        if let fresh { return fresh }
        guard case .accepted(let known, let operation) = answer else {
            preconditionFailure("Clients are never the sender without a name")
        }
        return .repeated(id: known, operation: operation)
    }

    private func acceptNew(
        _ request: PublishRequest, from sender: SessionHandle, channel: String?, _ context: inout PublishContext
    ) throws(Problem) -> Accepted {
        guard let type = request.type, let data = request.data else { throw .missingFields }
        let from = sender.clientID.text
        if let to = request.to {
            guard let recipient = ClientID(to) else { throw .invalidMessage("to: \(Problem.invalidClientID.reason)") }
            guard request.topic == nil else { throw .invalidMessage("give either `to` or `topic`") }
            let message = encode(request, data: data, topic: nil, from: from, isDurable: true, &context)
            var outcome = PublishOutcome(id: message.id)
            try send(message, to: recipient, &outcome, &context)
            if case .refused = outcome.results.first?.fate { throw .queueFull(recipient) }
            return .new(message, operation: nil)
        }
        if let topic = request.topic {
            let message = encode(request, data: data, topic: topic, from: from, isDurable: false, &context)
            _ = send(message, toTopic: topic, retention(request, data, message), &context)
            return .new(message, operation: nil)
        }
        let name = JSONText.decode(request.bytes[type])
        switch handler(ofType: name, channel: channel) {
        case .echo: return .new(echo(request, data: data, to: sender, &context), operation: nil)
        case .events:
            let message = encode(request, data: data, topic: nil, from: from, isDurable: true, &context)
            return .new(message, operation: try operations.append(message, &context))
        case .topic(let topic):
            let message = encode(request, data: data, topic: topic, from: from, isDurable: false, &context)
            _ = send(message, toTopic: topic, retention(request, data, message), &context)
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
    ) -> Message {
        let message = encode(
            request, data: data, topic: nil, from: sender.clientID.text, isDurable: false, &context)
        _ = sender.session.withLock {
            $0.append(message, limits: settings.session, now: context.now, wakes: &context.wakes)
        }
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
        var outcome = PublishOutcome(id: message.id)
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
        let result = directory.withSession(recipient, now: context.now) { _, session in
            session.append(message, limits: settings.session, now: context.now, wakes: &context.wakes)
        }
        guard let result else { throw .tooManySessions }
        outcome.add(recipient, result)
    }

    private func append(
        _ message: Message, to handle: SessionHandle, _ outcome: inout PublishOutcome, _ context: inout PublishContext
    ) {
        let result = handle.session.withLock {
            $0.append(message, limits: settings.session, now: context.now, wakes: &context.wakes)
        }
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
