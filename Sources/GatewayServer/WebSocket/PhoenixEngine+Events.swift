import GatewayCore
import PhoenixProtocol
import WireJSON

/// What a client may do on a channel that it has joined.
extension PhoenixEngine {
    /// Does what an event on a joined channel says.
    func event(_ topic: String, _ incoming: Incoming) {
        guard let handle else { return replyUnmatched(incoming) }
        if let binary = incoming.binary, isBinaryEvent(incoming) {
            return incoming.isEvent("ping") ? reply(incoming, topic, binary) : publish(topic, incoming, handle)
        }
        guard incoming.payloadIsObject || incoming.isBatch else {
            return reply(incoming, .invalidMessage("the payload must be an object"))
        }
        if incoming.isEvent("message") {
            publish(topic, incoming, handle)
        } else if incoming.isEvent("ack") {
            acknowledge(incoming, handle)
        } else if incoming.isEvent("ping") {
            let data = JSONWriter.object { $0.member("timestamp", loop.context.wallClock.milliseconds) }
            push(topic: topic, event: "pong", payload: data)
        } else if incoming.isEvent("subscribe") || incoming.isEvent("unsubscribe") {
            changeSubscription(incoming)
        } else if incoming.isEvent("access_token") {
            refreshToken(incoming)
        } else if incoming.isEvent("mcp") {
            guard admitsMessage(incoming, handle) else { return }
            receivedMessage(topic, incoming)
        } else {
            reply(incoming, Problem(400, "unknown_event", "unknown_event"))
        }
    }

    private func acknowledge(_ incoming: Incoming, _ handle: SessionHandle) {
        var sequence: Int?
        var messageID: String?
        var scanner = JSONScanner(incoming.payload, maxDepth: 8)
        // The payload has been checked with the frame.
        if (try? scanner.beginObject()) == true {
            repeat {
                guard let key = try? scanner.key(), let value = try? scanner.value() else { break }
                if incoming.payload.isString(key, "sequence") {
                    sequence = Int(String(decoding: incoming.payload[value], as: UTF8.self))
                } else if incoming.payload.isString(key, "msg_id"), incoming.payload[value].first == UInt8(ascii: "\"")
                {
                    messageID = JSONText.decode(incoming.payload[value])
                }
            } while (try? scanner.nextMember()) == true
        }
        guard sequence != nil || messageID != nil else {
            return reply(incoming, .invalidMessage("give msg_id or sequence"))
        }
        if gateway.observers.isUsed { traceAcknowledgement(sequence, messageID) }
        handle.session.withLock { session in
            let before = session.lastAcknowledged?.sequence
            if let sequence { session.acknowledge(through: sequence, on: id, wakes: &loop.context.wakes) }
            if let messageID { session.acknowledge(id: messageID, on: id, wakes: &loop.context.wakes) }
            // What has waited for an absent client is none of the network's doing.
            if let last = session.lastAcknowledged, last.sequence != before, last.acceptedAt >= attachedAt {
                loop.counters[Int(transport.rawValue)].acknowledgements.add(loop.now - last.acceptedAt)
            }
            releaseDone(handle, &session)
        }
        if incoming.frame.ref != nil { reply(incoming, isError: false, Self.emptyObject) }
    }

    private func changeSubscription(_ incoming: Incoming) {
        do throws(Problem) {
            if !isRetrying { try chargeJoin(of: nil) }
            let request = try PublishRequest(incoming.payload, maxDepth: gateway.settings.maxJSONDepth)
            guard let topic = request.topic else { throw .invalidMessage("give topic") }
            if incoming.isEvent("subscribe"), !mayGoOn(subscribing: topic, incoming) { return }
            if incoming.isEvent("subscribe") { try claim(topic) } else { unsubscribe(topic) }
            reply(incoming, isError: false, Self.emptyObject)
        } catch {
            reply(incoming, error)
        }
    }
}
