import GatewayCore
import PhoenixProtocol
import WireJSON

/// A client's messages, on their way from a channel to where they belong.
extension PhoenixEngine {
    func publish(_ topic: String, _ incoming: Incoming, _ handle: SessionHandle) {
        let kind = Int(transport.rawValue)
        if !isRetrying { loop.variety[kind].arrivals.add(bytes: incoming.payload.count) }
        guard admitsMessage(incoming, handle) else { return }
        do throws(Problem) {
            if let opened = try opened(incoming, handle) {
                return opened.withUnsafeBytes { publish($0, topic, incoming, handle) }
            }
        } catch {
            return reply(incoming, error)
        }
        publish(incoming.payload, topic, incoming, handle)
    }

    /// What an encrypted push says; `nil` if it is not encrypted.
    private func opened(_ incoming: Incoming, _ handle: SessionHandle) throws(Problem) -> [UInt8]? {
        guard incoming.binary == nil, let sealed = try gateway.sealedMessage(incoming.payload) else { return nil }
        return try gateway.open(sealed, of: handle, isRepeated: isRetrying)
    }

    /// - Parameter payload: what the push says; decrypted, if it was encrypted.
    private func publish(
        _ payload: UnsafeRawBufferPointer, _ topic: String, _ incoming: Incoming, _ handle: SessionHandle
    ) {
        let kind = Int(transport.rawValue)
        do throws(Problem) {
            let request =
                if let binary = incoming.binary {
                    try PublishRequest(
                        binary: binary, event: incoming.frame.event, data: incoming.frame.payload, in: incoming.bytes)
                } else {
                    try PublishRequest(payload, maxDepth: gateway.settings.maxJSONDepth)
                }
            let own = topic == WellKnownTopic.gateway ? nil : topic
            try gateway.permit(request, channel: own, identity?.principal)
            if mustWait(for: gateway.recipientsToRestore(request)) { return }
            // Built only for what has to be stored.
            var later: AnswerLater {
                .push(id, ReplyAddress(joinRef: incoming.joinRef, ref: incoming.ref, topic: incoming.topicText))
            }
            loop.context.tier = identity?.principal.tier
            if let number = request.number {
                let outcome = try gateway.acceptNumbered(
                    request, number, from: handle, channel: own, loop, later: later)
                loop.variety[kind].accepted.add(bytes: incoming.payload.count)
                guard let outcome else { return }
                return reply(incoming, isError: false, outcome.json(number: number))
            }
            let accepted = try gateway.accept(
                request, from: handle, channel: own, &loop.context, later: later)
            loop.variety[kind].accepted.add(bytes: incoming.payload.count)
            guard let accepted else { return }
            if case .new(let message, nil) = accepted {
                replyAccepted(incoming, message)
            } else {
                reply(incoming, isError: false, accepted.json)
            }
        } catch {
            reply(incoming, error)
        }
    }

    /// Charges a message to its client, its address and the node, or says how long to wait.
    func admitsMessage(_ incoming: Incoming, _ handle: SessionHandle) -> Bool {
        // What has waited was charged when it came.
        guard !isRetrying else { return true }
        let now = loop.now
        let guardian = gateway.accessGuard
        let size = incoming.binary?.count ?? incoming.payload.count
        let limit = gateway.settings.rateLimit(tier: identity?.principal.tier)
        var decision = handle.session.withLock { session in
            session.messagesReceived += 1
            session.lastActivity = now
            return guardian.admit(size, to: &session, limit, now: now)
        }
        if decision == .admitted {
            decision = guardian.admit(size, from: peerAddress, isMessage: true, now: now)
        } else {
            guardian.note(.rateHit, peerAddress)
        }
        guard case .refused(let wait) = decision else { return true }
        loop.counters[Int(transport.rawValue)].failed(now: now)
        noteRateLimit()
        reply(incoming, .rateLimited(retryAfter: wait.roundedUpSeconds))
        return false
    }

    /// The answer to most messages, put together from the bytes that are there.
    private func replyAccepted(_ incoming: Incoming, _ message: Message) {
        let size = 160 + incoming.topicText.count + incoming.joinRef.count + incoming.ref.count + 2 * message.idLength
        loop.text.reserveCapacity(size)
        message.tail.withUnsafeReadableBytes { tail in
            let identifier = UnsafeRawBufferPointer(
                rebasing: tail[message.idOffset..<(message.idOffset + message.idLength)])
            loop.text.append(contentsOf: #"{"id":""#.utf8)
            loop.text.append(contentsOf: identifier)
            loop.text.append(contentsOf: #"","operation_id":""#.utf8)
            loop.text.append(contentsOf: identifier)
            loop.text.append(contentsOf: #""}"#.utf8)
        }
        swap(&loop.text, &loop.response)
        reply(incoming, isError: false, loop.response)
        loop.response.removeAll(keepingCapacity: true)
    }
}
