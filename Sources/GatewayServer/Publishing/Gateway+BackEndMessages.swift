import GatewayCore

/// Messages of back ends, which say themselves who is to have them.
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
}
