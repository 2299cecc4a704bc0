public import GatewayCore
public import NIOCore

/// A message as it comes back from a store. Its times are those of the wall, because the monotonic clock of the process
/// that wrote it has ended.
public struct StoredMessage: Sendable {
    public let place: StorePlace
    public let acceptedAt: Timestamp
    public let expiresAt: Timestamp
    public let attributes: StoredAttributes
    public let topic: String?
    public let event: String?
    /// The shared part of the envelope; empty if it came back damaged.
    public let tail: ByteBuffer
    /// The payload's own bytes if it is binary.
    public let binary: ByteBuffer?

    public init(
        place: StorePlace, acceptedAt: Timestamp, expiresAt: Timestamp, attributes: StoredAttributes, topic: String?,
        event: String?, tail: ByteBuffer, binary: ByteBuffer? = nil
    ) {
        self.place = place
        self.acceptedAt = acceptedAt
        self.expiresAt = expiresAt
        self.attributes = attributes
        self.topic = topic
        self.event = event
        self.tail = tail
        self.binary = binary
    }

    /// The message in terms of this process's clock.
    public func message(now: Instant, wallClock: Timestamp) -> Message {
        guard tail.readableBytes > 0 else { return .hole(.damaged) }
        func instant(_ time: Timestamp) -> Instant {
            Instant(nanoseconds: now.nanoseconds &+ (time.milliseconds - wallClock.milliseconds) &* 1_000_000)
        }
        return Message(
            tail: tail, idOffset: attributes.idOffset, idLength: attributes.idLength, topic: topic, event: event,
            priority: attributes.priority, isDurable: true, transport: attributes.transport, binary: binary,
            acceptedAt: instant(acceptedAt), expiresAt: instant(expiresAt))
    }
}

/// The small properties of a message in one number.
public struct StoredAttributes: Equatable, Sendable {
    public let raw: Int64

    public init(raw: Int64) { self.raw = raw }

    public init(_ message: Message) {
        let transport = message.transport.map { Int64($0.rawValue) + 1 } ?? 0
        raw =
            Int64(message.priority.rawValue) | transport << 4 | Int64(message.idLength) << 8
            | Int64(message.idOffset) << 24
    }

    var priority: Priority { Priority(rawValue: UInt8(raw & 0xF)) ?? .normal }
    var transport: Transport? { raw >> 4 & 0xF == 0 ? nil : Transport(rawValue: UInt8((raw >> 4 & 0xF) - 1)) }
    var idLength: Int { Int(raw >> 8 & 0xFFFF) }
    var idOffset: Int { Int(raw >> 24 & 0xFFFF_FFFF) }

    /// Whether the place of the id lies inside a text of `length` bytes.
    public func fits(_ length: Int) -> Bool { raw >= 0 && idOffset + idLength <= length }
}
