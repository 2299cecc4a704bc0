import GatewayCore
import NIOCore
import PhoenixProtocol
import WebSocketProtocol

/// Writes a message as a Phoenix push in a text frame: the frame's header and the client's own numbers around the
/// bytes that all subscribers share.
enum PushWriter {
    static func write(
        _ message: Message, sequence: Int, channel: PhoenixChannels.Channel, version: PhoenixVersion, epoch: EpochText,
        to outbound: inout Outbound
    ) {
        let topic = channel.topic
        let tail = message.tail
        let event = message.event
        let isShared = tail.readableBytes >= Outbound.shareFrom
        let envelope = 24 + epoch.count + decimalLength(sequence) + tail.readableBytes
        let frame =
            topic.utf8.count + (event?.utf8.count ?? 7) + envelope + (version == .v2 ? 14 + channel.joinRef.count : 45)
        let headerSize = FrameHeader.size(frame)
        let inlineSize = headerSize + frame - (isShared ? tail.readableBytes + 1 : 0)

        outbound.buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: inlineSize) { target in
            FrameHeader.write(.text, count: frame, to: target.baseAddress!)
            var out = RawWriter(target.baseAddress! + headerSize)
            switch version {
            case .v2:
                out.put("[")
                channel.joinRef.withUnsafeBytes { out.put($0) }
                out.put(",null,\"")
            case .v1: out.put("{\"topic\":\"")
            }
            out.put(text: topic)
            switch version {
            case .v2: out.put("\",\"")
            case .v1: out.put("\",\"event\":\"")
            }
            if let event { out.put(text: event) } else { out.put("message") }
            switch version {
            case .v2: out.put("\",")
            case .v1: out.put("\",\"ref\":null,\"payload\":")
            }
            out.put("{\"epoch\":\"")
            epoch.put(to: &out)
            out.put("\",\"sequence\":")
            out.put(decimal: sequence)
            out.put(",")
            if !isShared {
                tail.withUnsafeReadableBytes { out.put($0) }
                putSuffix(version, &out)
            }
            assert(headerSize + out.count == inlineSize, "The frame's length is wrong")
            return inlineSize
        }
        if isShared {
            outbound.append(shared: tail)
            outbound.append(version == .v2 ? "]".utf8 : "}".utf8)
        }
    }

    @inline(__always)
    private static func putSuffix(_ version: PhoenixVersion, _ out: inout RawWriter) {
        switch version {
        case .v2: out.put("]")
        case .v1: out.put("}")
        }
    }

    /// Number of bytes of a written sequence.
    @inline(__always)
    static func decimalLength(_ value: Int) -> Int {
        var length = value < 0 ? 2 : 1
        var rest = value.magnitude
        while rest >= 10 {
            rest /= 10
            length &+= 1
        }
        return length
    }
}
