import NIOCore

/// How urgent a message is. It has an effect only where a limit bites.
public enum Priority: UInt8, Sendable, CaseIterable {
    case low, normal, high

    /// The name on the wire.
    public var name: String {
        switch self {
        case .low: "low"
        case .normal: "normal"
        case .high: "high"
        }
    }
}

/// A message as it stands in logs: encoded once, immutable, shared by all sessions that it was sent to.
///
/// An envelope is `{"epoch":"…","sequence":n,` followed by `tail`. Only the first part differs between clients; it is
/// written beside the tail when a connection is drained.
public final class Message: Sendable {
    /// The envelope from its first shared member to the closing brace, on one line.
    public let tail: ByteBuffer
    /// Where the `id`'s text stands inside `tail`, without the quotes.
    public let idOffset: Int
    public let idLength: Int
    /// The topic it came through; `nil` for a message addressed to clients.
    public let topic: String?
    /// The event's name; `nil` is `message`.
    public let event: String?
    public let priority: Priority
    /// Whether it waits for an absent client and is delivered until it is done.
    public let isDurable: Bool
    /// The transport that the sender would like; `nil` leaves it to the gateway.
    public let transport: Transport?
    /// The payload's own bytes if it is binary. The envelope has them too, in base64.
    public let binary: ByteBuffer?
    /// Messages with the same key on the same topic replace each other for a connection that is behind and conflates.
    public let key: String?
    /// The trace that it belongs to, if its sender or the gateway has begun one.
    public let trace: MessageTrace?
    /// When it was accepted: the beginning of its latency.
    public let acceptedAt: Instant
    /// After this point it is not delivered any more.
    public let expiresAt: Instant

    public init(
        tail: ByteBuffer, idOffset: Int, idLength: Int, topic: String?, event: String?, priority: Priority,
        isDurable: Bool, transport: Transport? = nil, binary: ByteBuffer? = nil, key: String? = nil,
        trace: MessageTrace? = nil, acceptedAt: Instant, expiresAt: Instant
    ) {
        self.tail = tail
        self.idOffset = idOffset
        self.idLength = idLength
        self.topic = topic
        self.event = event
        self.priority = priority
        self.isDurable = isDurable
        self.transport = transport
        self.binary = binary
        self.key = key
        self.trace = trace
        self.acceptedAt = acceptedAt
        self.expiresAt = expiresAt
    }

    /// Bytes that it counts for in a log: what is sent, and the bookkeeping.
    public var cost: Int { tail.readableBytes + (binary?.readableBytes ?? 0) + 128 }

    /// The event's name on the wire.
    public var eventName: String { event ?? "message" }

    /// The `id` of the envelope.
    public var id: String { tail.getString(at: tail.readerIndex + idOffset, length: idLength) ?? "" }

    /// Whether the `id` is `text`.
    public func hasID(_ text: String) -> Bool {
        guard text.utf8.count == idLength else { return false }
        return tail.withUnsafeReadableBytes { bytes in
            text.utf8.elementsEqual(UnsafeRawBufferPointer(rebasing: bytes[idOffset..<(idOffset + idLength)]))
        }
    }
}

extension Message {
    /// What stands in a log where a message has been taken out: its place is told as a gap.
    public static func hole(_ reason: GapReason) -> Message {
        Message(
            tail: ByteBuffer(), idOffset: 0, idLength: 0, topic: nil, event: reason.rawValue, priority: .normal,
            isDurable: false, acceptedAt: .zero, expiresAt: .zero)
    }

    /// Why there is no message in this place; `nil` if there is one.
    public var holeReason: GapReason? { tail.readableBytes == 0 ? event.flatMap(GapReason.init) : nil }
}
