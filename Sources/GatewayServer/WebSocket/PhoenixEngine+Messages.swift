import GatewayCore
import NIOCore
import PhoenixProtocol
import WireJSON

/// The event `mcp` (contract §5): a channel as a connection of the Model Context Protocol. A push is a message of the
/// client and its reply the answer; what servers say by themselves is pushed.
final class PhoenixMessageChannel {
    let topic: String
    let end: MessagePipeEnd
    /// Pushes that have not been replied to.
    private var addresses: [Int: ReplyAddress] = [:]
    private var nextToken = 1

    init(_ topic: String, _ end: MessagePipeEnd) {
        self.topic = topic
        self.end = end
    }

    /// Remembers a push.
    /// - Returns: what its answer is to be sent with.
    func expect(_ address: ReplyAddress) -> Int {
        defer { nextToken += 1 }
        addresses[nextToken] = address
        return nextToken
    }

    /// Where an answer goes.
    func take(_ token: Int) -> ReplyAddress? { token == 0 ? nil : addresses.removeValue(forKey: token) }
}

extension PhoenixEngine {
    func receivedMessage(_ topic: String, _ incoming: Incoming) {
        let channel: PhoenixMessageChannel
        if let messageChannel {
            channel = messageChannel
        } else if let (endpoint, _) = loop.messageEndpoint(for: Self.messagePath, on: .webSocket) {
            channel = PhoenixMessageChannel(
                topic, MessagePipeEnd(id, loop: loop, maxWaitingBytes: endpoint.maxUnsentBytes))
            messageChannel = channel
            channel.end.open(MessagePipeRequest(caller: caller, server: nil), at: endpoint)
        } else {
            return reply(incoming, Problem(400, "unknown_event", "unknown_event"))
        }
        var token = 0
        if incoming.frame.ref != nil {
            token = channel.expect(
                ReplyAddress(joinRef: incoming.joinRef, ref: incoming.ref, topic: incoming.topicText))
        }
        channel.end.receive(incoming.payload, token: token)
    }

    /// The path whose WebSockets carry the same messages.
    private static let messagePath = "/mcp/socket"

    func writeMessages(isStalled: Bool) {
        guard let channel = messageChannel, verdict == .open else { return }
        if !isStalled {
            for entry in channel.end.take() {
                let address = channel.take(entry.token)
                guard let message = entry.message else {
                    if let address { write(.success(Array("{}".utf8)), to: address) }
                    continue
                }
                let body = Array(message.readableBytesView)
                if let address {
                    write(.success(body), to: address)
                } else {
                    push(topic: channel.topic, event: "mcp", payload: body)
                }
            }
        }
        guard let (code, reason) = channel.end.ending else { return }
        messageChannel = nil
        let data = JSONWriter.object { writer in
            writer.member("code", code.rawValue)
            writer.member("reason", reason)
        }
        push(topic: channel.topic, event: "mcp_close", payload: data)
    }

    func closeMessageChannel() {
        messageChannel?.end.connectionClosed()
        messageChannel = nil
    }
}
