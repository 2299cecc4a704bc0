import GatewayCore
import Logging
import NIOCore
import WireJSON

/// What is told of messages on their way: spans, and lines of the log. Nothing of it runs unless somebody has asked for it.
extension Gateway {
    /// The trace of a message that is about to be encoded.
    func trace(_ request: PublishRequest, _ context: inout PublishContext) -> MessageTrace? {
        let given = request.traceParent.flatMap { TraceContext($0) }
        guard let tracing else {
            // Who traces elsewhere is not cut off.
            return given.map { MessageTrace($0, state: request.traceState, isRecorded: false) }
        }
        let parent = given ?? context.traceParent
        let random = (context.identifiers.next(), context.identifiers.next(), context.identifiers.next())
        let own = tracing.begin(parent: parent, random.0, random.1, random.2)
        guard own.isSampled else {
            return parent.map { MessageTrace($0, state: request.traceState, isRecorded: false) }
        }
        let trace = MessageTrace(own, state: request.traceState, isRecorded: true, parent: parent)
        context.trace = trace
        return trace
    }

    /// Whether anybody wants to know of a publish.
    var observesPublishing: Bool { tracing != nil || !watched.isDisjoint(with: [.messages, .routing]) }

    /// A message has been given to the logs of its recipients, or to whoever else it is for.
    func observe(_ published: Published, _ context: inout PublishContext) {
        if let tracing, let trace = context.trace { record(published, trace, tracing, &context) }
        context.trace = nil
        let seen = watched
        guard !seen.isDisjoint(with: [.messages, .routing]) else { return }
        var metadata: Logger.Metadata = [
            "message_id": "\(published.message.id)", "to": "\(published.destination)",
            "delivered": "\(published.delivered)", "queued": "\(published.queued)",
        ]
        if let sender = published.sender { metadata["client_id"] = "\(sender)" }
        if let trace = published.message.trace { metadata["trace_id"] = "\(trace.context.traceID)" }
        if seen.contains(.messages) { logger.info("message accepted", metadata: metadata) }
        guard seen.contains(.routing) else { return }
        metadata["route"] = "\(published.route)"
        if !published.recipients.isEmpty { metadata["recipients"] = "\(published.recipients)" }
        logger.info("message routed", metadata: metadata)
    }

    /// What became of a message.
    struct Published {
        let message: Message
        /// `client_id`, `client_ids`, `topic`, `broadcast`, or the pattern of a route and what it leads to.
        let route: String
        let destination: String
        var sender: String?
        var delivered = 0
        var queued = 0
        var recipients = ""
        let begun: Instant
        let routed: Instant
    }

    private func record(
        _ published: Published, _ trace: MessageTrace, _ tracing: SpanRecorder, _ context: inout PublishContext
    ) {
        let end = Clock.now
        var publish = FinishedSpan(
            "publish \(published.destination)", .producer, trace.context, parent: trace.parent?.spanID,
            start: published.begun, end: end)
        publish.attributes = [
            ("messaging.system", .text("mcp-gateway")), ("messaging.operation.type", .text("send")),
            ("messaging.destination.name", .text(published.destination)),
            ("messaging.message.id", .text(published.message.id)),
            ("messaging.message.body.size", .integer(published.message.tail.readableBytes)),
            ("mcp_gateway.durable", .flag(published.message.isDurable)),
        ]
        if let sender = published.sender { publish.attributes.append(("messaging.client.id", .text(sender))) }
        tracing.record(publish)
        let random = (context.identifiers.next(), context.identifiers.next(), context.identifiers.next())
        var route = FinishedSpan(
            "route", .internal, tracing.begin(parent: trace.context, random.0, random.1, random.2),
            parent: trace.context.spanID, start: published.routed, end: end)
        route.attributes = [
            ("mcp_gateway.route", .text(published.route)),
            ("mcp_gateway.delivered", .integer(published.delivered)),
            ("mcp_gateway.queued", .integer(published.queued)),
        ]
        tracing.record(route)
    }

    /// A message that somebody wants to see was written to a connection.
    func observeDelivery(
        _ message: Message, sequence: Int, to client: String?, by transport: Transport, _ loop: LoopState
    ) {
        if let tracing, let trace = message.trace, trace.isRecorded,
            tracing.samplesDelivery(loop.context.identifiers.next())
        {
            let random = (
                loop.context.identifiers.next(), loop.context.identifiers.next(), loop.context.identifiers.next()
            )
            // A trace of its own that is linked: a broadcast would make one trace of thousands.
            let context = TraceContext(
                traceIDHigh: random.0 | 1, traceIDLow: random.1, spanID: random.2 | 1, isSampled: true)
            var span = FinishedSpan(
                "deliver \(transport.name)", .consumer, context, parent: nil, start: message.acceptedAt, end: Clock.now)
            span.links = [trace.context]
            span.attributes = [
                ("messaging.system", .text("mcp-gateway")), ("messaging.operation.type", .text("process")),
                ("messaging.message.id", .text(message.id)), ("messaging.client.id", .text(client ?? "")),
                ("mcp_gateway.transport", .text(transport.name)), ("mcp_gateway.sequence", .integer(sequence)),
            ]
            if let topic = message.topic { span.attributes.append(("messaging.destination.name", .text(topic))) }
            tracing.record(span)
        }
        guard watched.contains(.messages) else { return }
        var metadata: Logger.Metadata = [
            "message_id": "\(message.id)", "client_id": "\(client ?? "-")", "transport": "\(transport.name)",
            "sequence": "\(sequence)",
        ]
        if let trace = message.trace { metadata["trace_id"] = "\(trace.context.traceID)" }
        logger.info("message delivered", metadata: metadata)
    }
}

extension PublishOutcome {
    /// The first recipients, in words.
    var text: String {
        results.prefix(10).map { recipient in
            switch recipient.fate {
            case .delivered(let sequence, let transport): "\(recipient.clientID.text)=\(transport.name):\(sequence)"
            case .queued(let sequence): "\(recipient.clientID.text)=queued:\(sequence)"
            case .refused(let reason): "\(recipient.clientID.text)=\(reason)"
            }
        }.joined(separator: " ")
    }
}

extension PublishRequest {
    /// Where a back end's message goes, in words.
    var destination: (kind: String, name: String) {
        if let topic { return ("topic", topic) }
        if isBroadcast { return ("broadcast", "*") }
        if let clientIDs { return ("client_ids", "\(clientIDs.count) clients") }
        return ("client_id", clientID ?? to ?? "")
    }
}
