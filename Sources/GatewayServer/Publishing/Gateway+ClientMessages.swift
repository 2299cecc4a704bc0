import GatewayCore
import WireJSON

/// Messages of clients: to whom they name, or where the routes say.
extension Gateway {
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
}
