import GatewayCore
import NIOCore
import PhoenixProtocol
import WireJSON

/// Binary frames of V2 (contract §5): what differs from text frames, and nothing else.
extension PhoenixEngine {
    /// A client's binary push goes the way of a text frame that says the same, so that no rule is written twice.
    func receivedPush(_ frame: PhoenixBinaryFrame, _ bytes: UnsafeRawBufferPointer) {
        // The scratch is this event's own: nothing that it causes reads another binary frame.
        loop.texts.removeAll(keepingCapacity: true)
        let payload = UnsafeRawBufferPointer(rebasing: bytes[frame.payload])
        let joinRef = frame.joinRef.isEmpty ? nil : quoteJoinRef(frame, bytes)
        let ref = quote(bytes[frame.ref])
        let topic = quote(bytes[frame.topic])
        let event = quote(bytes[frame.event])
        let start = loop.texts.count
        loop.texts.append(UInt8(ascii: "\""))
        Base64.append(payload, to: &loop.texts)
        loop.texts.append(UInt8(ascii: "\""))
        let data = JSONSpan(offset: start, length: loop.texts.count - start)
        let text = PhoenixFrame(joinRef: joinRef, ref: ref, topic: topic, event: event, payload: data)
        loop.texts.withUnsafeBytes { dispatch(Incoming(bytes: $0, frame: text, binary: payload)) }
    }

    private func quote(_ bytes: Slice<UnsafeRawBufferPointer>) -> JSONSpan {
        let start = loop.texts.count
        JSONText.appendQuoted(bytes, to: &loop.texts)
        return JSONSpan(offset: start, length: loop.texts.count - start)
    }

    /// Binary frames know texts only: the reference of a client that counts its joins in JSON numbers is the number.
    private func quoteJoinRef(_ frame: PhoenixBinaryFrame, _ bytes: UnsafeRawBufferPointer) -> JSONSpan {
        let text = bytes[frame.joinRef]
        let topic = String(decoding: bytes[frame.topic], as: UTF8.self)
        guard let known = channels.channel(topic)?.joinRef, known.elementsEqual(text) else { return quote(text) }
        let start = loop.texts.count
        loop.texts.append(contentsOf: known)
        return JSONSpan(offset: start, length: known.count)
    }

    /// Whether a binary push of this event means something: all but those whose payload is an object with members.
    func isBinaryEvent(_ incoming: Incoming) -> Bool {
        !(incoming.isEvent("ack") || incoming.isEvent("subscribe") || incoming.isEvent("unsubscribe")
            || incoming.isEvent("mcp") || incoming.isEvent("access_token"))
    }

    /// Pushes a binary message as the bytes that its sender gave. What came through a topic is the same for all its
    /// subscribers, which Phoenix calls a broadcast.
    func pushBinary(_ message: Message, _ bytes: ByteBuffer, on channel: PhoenixChannels.Channel) {
        if message.topic == channel.topic {
            PhoenixBinaryWriter.appendBroadcast(topic: channel.topic, event: message.eventName, to: &loop.text)
        } else {
            PhoenixBinaryWriter.appendPush(
                joinRef: PhoenixBinaryWriter.referenceText(channel.joinRef), topic: channel.topic,
                event: message.eventName, to: &loop.text)
        }
        writeBinary(bytes)
    }

    /// Answers a binary push with the bytes that came.
    func reply(_ incoming: Incoming, _ topic: String, _ bytes: UnsafeRawBufferPointer) {
        guard takesBinary else {
            let response = JSONWriter.object { writer in
                writer.member("encoding", "base64")
                writer.member("data", raw: incoming.payload)
            }
            return reply(incoming, isError: false, response)
        }
        PhoenixBinaryWriter.appendReply(
            joinRef: PhoenixBinaryWriter.referenceText(incoming.joinRef),
            ref: PhoenixBinaryWriter.referenceText(incoming.ref), topic: topic, isError: false, to: &loop.text)
        writeBinary(ByteBuffer(bytes: bytes))
    }
}
