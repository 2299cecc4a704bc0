import GatewayCore
import PhoenixProtocol
import WireJSON

/// Bundles: several pushes as one, for a client that joined with `batch: true` and is late with acknowledging.
extension PhoenixEngine {
    /// A push `batch` on the gateway channel: `{"messages":[{"topic","event","payload"}, …]}`, each entry what would
    /// otherwise be a push of its own, holes included.
    func pushBundle(_ batch: [Session.Delivery]) {
        let payload = JSONWriter.object { writer in
            writer.key("messages")
            writer.array { writer in
                for delivery in batch { write(delivery, to: &writer) }
            }
        }
        push(topic: WellKnownTopic.gateway, event: "batch", payload: payload)
    }

    private func write(_ delivery: Session.Delivery, to writer: inout JSONWriter) {
        let topic: String
        let event: String
        let payload: [UInt8]
        switch delivery.content {
        case .message(let original):
            guard let channel = channel(of: original, delivery.sequence) else { return }
            let message = shown(original, delivery.sequence)
            topic = channel.topic
            event = message.eventName
            payload =
                Array("{\"epoch\":\"\(epochText.text)\",\"sequence\":\(delivery.sequence),".utf8)
                + Array(message.tail.readableBytesView)
        case .gap(let from, let reason):
            topic = WellKnownTopic.gateway
            event = "gap"
            payload = envelope(
                "gap", data: gapData(from: from, to: delivery.sequence, reason: reason.rawValue),
                sequence: delivery.sequence)
        }
        writer.object { writer in
            writer.member("topic", topic)
            writer.member("event", event)
            writer.member("payload", raw: payload)
        }
    }
}
