import WireJSON

/// A binary push of a V2 client: five one-byte numbers (the kind and four lengths), four texts, and the payload, which is
/// everything behind them.
///
///     00 | join_ref length | ref length | topic length | event length | join_ref | ref | topic | event | payload
public struct PhoenixBinaryFrame: Equatable, Sendable {
    /// The join that the push belongs to, as a range of the frame's bytes; empty if the client named none.
    public let joinRef: Range<Int>
    public let ref: Range<Int>
    public let topic: Range<Int>
    public let event: Range<Int>
    /// The client's own bytes.
    public let payload: Range<Int>

    /// The first byte of a frame.
    public enum Kind: UInt8, Sendable, CaseIterable {
        /// From either side. The gateway's has no `ref`.
        case push = 0
        /// From the gateway only, as the next.
        case reply = 1
        case broadcast = 2
    }

    /// The kind and the four lengths.
    static let headerSize = 5

    /// Reads a frame of a client. Any bytes may be given.
    public static func decode(
        _ bytes: UnsafeRawBufferPointer
    ) throws(PhoenixBinaryFrameError) -> PhoenixBinaryFrame {
        guard let kind = bytes.first else { throw .truncated }
        guard kind == Kind.push.rawValue else { throw .unknownKind(kind) }
        guard bytes.count >= headerSize else { throw .truncated }
        var end = headerSize
        func next(_ length: UInt8) -> Range<Int> {
            defer { end += Int(length) }
            return end..<(end + Int(length))
        }
        let joinRef = next(bytes[1])
        let ref = next(bytes[2])
        let topic = next(bytes[3])
        let event = next(bytes[4])
        guard end <= bytes.count else { throw .truncated }
        // Each for itself: a character must not reach over the border of two texts.
        for text in [joinRef, ref, topic, event] {
            guard UTF8Validation.isValid(UnsafeRawBufferPointer(rebasing: bytes[text])) else { throw .notUTF8 }
        }
        return PhoenixBinaryFrame(
            joinRef: joinRef, ref: ref, topic: topic, event: event, payload: end..<bytes.count)
    }
}

/// Why a binary frame is no push of a client.
public enum PhoenixBinaryFrameError: Error, Equatable, Sendable {
    /// The lengths promise more bytes than there are.
    case truncated
    case unknownKind(UInt8)
    case notUTF8

    /// A sentence for the close frame.
    public var reason: String {
        switch self {
        case .truncated: "the binary frame is shorter than its lengths say"
        case .unknownKind(let kind): "clients send binary frames of kind 0, not \(kind)"
        case .notUTF8: "join_ref, ref, topic and event of a binary frame must be UTF-8"
        }
    }
}

/// Writes the gateway's binary frames: the part before the payload, whose bytes follow as they are.
///
/// Every text must have at most 255 bytes, which is what one length byte can say.
public enum PhoenixBinaryWriter {
    /// A push on a joined channel: it carries the channel's `join_ref`, and no `ref`.
    public static func appendPush(joinRef: [UInt8], topic: String, event: String, to output: inout [UInt8]) {
        append(.push, [joinRef[...], Array(topic.utf8)[...], Array(event.utf8)[...]], to: &output)
    }

    /// The answer to a push with the same `ref`. The event is always `phx_reply`, so that it is not written.
    public static func appendReply(
        joinRef: [UInt8], ref: [UInt8], topic: String, isError: Bool, to output: inout [UInt8]
    ) {
        let status: StaticString = isError ? "error" : "ok"
        append(
            .reply,
            [joinRef[...], ref[...], Array(topic.utf8)[...], Array("\(status)".utf8)[...]], to: &output)
    }

    /// A push that is the same for every subscriber of a topic.
    public static func appendBroadcast(topic: String, event: String, to output: inout [UInt8]) {
        append(.broadcast, [Array(topic.utf8)[...], Array(event.utf8)[...]], to: &output)
    }

    /// The text of a reference, given in its JSON form: what stands in the string, or the number as it is written; `null`
    /// is the empty text, as Phoenix has it.
    public static func referenceText(_ json: some Collection<UInt8>) -> [UInt8] {
        guard let first = json.first else { return [] }
        if first == UInt8(ascii: "\"") {
            let bytes = Array(json)
            return Array(bytes.withUnsafeBytes { JSONText.decode($0) }.utf8)
        }
        return first == UInt8(ascii: "n") ? [] : Array(json)
    }

    private static func append(
        _ kind: PhoenixBinaryFrame.Kind, _ texts: [ArraySlice<UInt8>], to output: inout [UInt8]
    ) {
        output.append(kind.rawValue)
        for text in texts {
            precondition(text.count <= 255, "A binary frame has one byte for a length")
            output.append(UInt8(text.count))
        }
        for text in texts { output.append(contentsOf: text) }
    }
}
