import GatewayCore
import NIOCore
import PhoenixProtocol
import WebSocketProtocol
import WireJSON

/// Phoenix Channels over long-poll: the rules are those of the socket; what it would write as frames waits for polls.
final class LongPollEngine: PhoenixEngine {
    var outbox: LongPollOutbox
    /// The place of what is being written, if it has one.
    private var sequence: Int?

    init(_ request: PhoenixRequest, position: Int, loop: LoopState) {
        outbox = LongPollOutbox(position: position)
        super.init(request, opening: Opening(answer: [], deflate: nil), loop: loop)
    }

    override var canProbe: Bool { false }

    override var transportName: String { "longpoll" }

    /// Phoenix's long-poll has no binary frames on the way to the client.
    override var takesBinary: Bool { false }

    override func writeFrame(_ opcode: Opcode, isCompressed: Bool, _ payload: UnsafeRawBufferPointer) {
        switch opcode {
        case .text:
            var text: [UInt8] = []
            text.reserveCapacity(payload.count + payload.count / 4 + 2)
            JSONText.appendQuoted(payload, to: &text)
            outbox.append(text, sequence: sequence)
        case .close: outbox.finish()
        case .binary, .ping, .pong, .continuation: break
        }
    }

    override func write(_ message: Message, sequence: Int) {
        self.sequence = sequence
        super.write(message, sequence: sequence)
        self.sequence = nil
    }

    override func writeGap(from: Int, to: Int, reason: String) {
        sequence = from
        super.writeGap(from: from, to: to, reason: reason)
        sequence = nil
    }

    override func pushEnvelope(_ message: Message, _ sequence: Int, on channel: PhoenixChannels.Channel) {
        PushWriter.writeText(
            message, sequence: sequence, channel: channel, version: version, epoch: epochText, to: &loop.text)
        writeText()
    }

    /// The client has shown how far it has come.
    func confirmed() { flushed(before: outbox.sequence(from: outbox.confirmed) ?? takenBefore) }

    /// What a token says of a client that has everything before `position`.
    func describe(at position: Int, in token: inout LongPollToken) {
        token.position = position
        token.isEnded = outbox.isEnded && position == outbox.end
        token.acknowledges = acknowledges
        token.isIndependent = isIndependent
        guard let handle else { return }
        token.clientID = handle.clientID.text
        token.epoch = handle.session.withLock(\.epoch.value)
        token.nextSequence = max(0, outbox.sequence(from: position) ?? takenBefore)
        token.channels = channels.all.map { LongPollToken.Channel(topic: $0.topic, joinRef: $0.joinRef) }
        token.topics = claims
    }
}
