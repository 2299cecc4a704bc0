import Deflate
import GatewayCore
import NIOCore
import PhoenixProtocol
import WebSocketProtocol

/// Writes a message as a Phoenix push in a text frame: the frame's header and the client's own numbers around the
/// bytes that all subscribers share.
enum PushWriter {
    static func write(
        _ message: Message, sequence: Int, channel: PhoenixChannels.Channel, version: PhoenixVersion, epoch: EpochText,
        compressed: ByteBuffer?, to outbound: inout Outbound
    ) {
        if let compressed {
            return writeCompressed(
                message, sequence: sequence, channel: channel, version: version, epoch: epoch, compressed: compressed,
                to: &outbound)
        }
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
            putHead(
                message, sequence: sequence, channel: channel, version: version, epoch: epoch, &out)
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

    /// Everything before the part that all subscribers share.
    @inline(__always)
    private static func putHead(
        _ message: Message, sequence: Int, channel: PhoenixChannels.Channel, version: PhoenixVersion, epoch: EpochText,
        _ out: inout RawWriter
    ) {
        switch version {
        case .v2:
            out.put("[")
            channel.joinRef.withUnsafeBytes { out.put($0) }
            out.put(",null,\"")
        case .v1: out.put("{\"topic\":\"")
        }
        out.put(text: channel.topic)
        switch version {
        case .v2: out.put("\",\"")
        case .v1: out.put("\",\"event\":\"")
        }
        if let event = message.event { out.put(text: event) } else { out.put("message") }
        switch version {
        case .v2: out.put("\",")
        case .v1: out.put("\",\"ref\":null,\"payload\":")
        }
        out.put("{\"epoch\":\"")
        epoch.put(to: &out)
        out.put("\",\"sequence\":")
        out.put(decimal: sequence)
        out.put(",")
    }

    /// The same push with its shared part compressed: the head in a stored block, then the blocks that all subscribers
    /// share (RFC 7692 §6.1).
    private static func writeCompressed(
        _ message: Message, sequence: Int, channel: PhoenixChannels.Channel, version: PhoenixVersion, epoch: EpochText,
        compressed: ByteBuffer, to outbound: inout Outbound
    ) {
        let head =
            channel.topic.utf8.count + (message.event?.utf8.count ?? 7) + 24 + epoch.count + decimalLength(sequence)
            + (version == .v2 ? 13 + channel.joinRef.count : 44)
        let frame = StoredBlock.headerSize + head + compressed.readableBytes
        let headerSize = FrameHeader.size(frame)
        let isShared = compressed.readableBytes >= Outbound.shareFrom
        let inlineSize = headerSize + frame - (isShared ? compressed.readableBytes : 0)
        outbound.buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: inlineSize) { target in
            FrameHeader.write(.text, isCompressed: true, count: frame, to: target.baseAddress!)
            let block = target.baseAddress! + headerSize
            StoredBlock.writeHeader(count: head, to: block)
            var out = RawWriter(block + StoredBlock.headerSize)
            putHead(message, sequence: sequence, channel: channel, version: version, epoch: epoch, &out)
            assert(out.count == head, "The stored block's length is wrong")
            if !isShared { compressed.withUnsafeReadableBytes { out.put($0) } }
            return inlineSize
        }
        if isShared { outbound.append(shared: compressed) }
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
