import GatewayCore
import ModelContextProtocol
import NIOCore

/// A session with a server that has the transport of 2024-11-05: an event stream carries everything that it says, and names
/// the address to which messages are posted. The stream is the session: one ends with the other.
final class EventStreamSession: HTTPSession {
    private var messageTarget: String?

    override func begin() {
        messageTarget = nil
        var fields = ByteBuffer(string: "accept: text/event-stream\r\ncache-control: no-store\r\n")
        fields.writeString(server.configuredFields)
        send(.get, ByteBuffer(), fields, as: .channel)
    }

    override func endpointNamed(_ url: String) {
        guard phase == .opening, messageTarget == nil, let replica else { return }
        // Credentials are sent there: it must be the same server.
        guard let target = server.origins[replica].ownTarget(url),
            target.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return lost("it names an address for messages that is not its own", mayRetry: false) }
        messageTarget = target
        beginHandshake(.november2024)
    }

    override func confirm(_ message: ByteBuffer) {
        post(message, nil)
        established()
    }

    override func listen(after id: String?) {}

    override var opensNewsStream: Bool { false }

    override func transmit(_ call: Call) { post(call.legacyMessage(hub.settings.maxJSONDepth), call) }

    override func transmit(_ message: ByteBuffer) { post(message, nil) }

    override func transmitCancellation(_ call: Call, notice: ByteBuffer) { transmit(notice) }

    override func sendHandshake(_ message: ByteBuffer) { post(message, nil) }

    private func post(_ message: ByteBuffer, _ call: Call?) {
        guard let messageTarget else { return }
        var fields = ByteBuffer(string: "accept: */*\r\ncontent-type: application/json\r\n")
        fields.writeString(server.configuredFields)
        send(.post, message, fields, as: .posted(call), target: messageTarget)
    }

    override func shut() {
        messageTarget = nil
        super.shut()
    }

    override func answerEnded(_ answer: HTTPAnswer, _ status: Int, _ body: ByteBuffer) {
        forgetEnded(answer)
        switch answer.role {
        case .channel:
            let wasStream = answer.hasBegun && messageTarget != nil
            if !wasStream, !server.settings.isEventStream { server.usesEventStream = false }
            lost(
                wasStream ? "its event stream has ended" : "it has no event stream (\(status))", mayRetry: wasStream)
        case .posted(let call):
            guard status >= 300 else { return }
            if let call, !call.isOver {
                failed(call, .internalError("\(server.name) answered \(status) without a result"))
            } else if phase == .opening {
                lost("initialize was answered \(status)", mayRetry: false)
            }
        default: break
        }
    }

    override func answerFailed(_ answer: HTTPAnswer, _ reason: String, wasSent: Bool) {
        forgetEnded(answer)
        switch answer.role {
        case .channel:
            if phase == .opening { return openingFailed(reason, wasSent: wasSent) }
            lost("its event stream broke: \(reason)", mayRetry: true)
        case .posted(let call):
            guard let call, !call.isOver else { return }
            // The answer comes by the stream, if the message arrived.
            guard !wasSent else { return }
            failed(call, .internalError("the server \(server.name) failed: \(reason)"))
        default: break
        }
    }
}
