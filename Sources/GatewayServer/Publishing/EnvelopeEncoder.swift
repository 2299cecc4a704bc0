import GatewayCore
import NIOCore

/// Builds messages: the part of the envelope that all recipients share is written once, around the payload's bytes as
/// they came.
struct EnvelopeEncoder {
    /// What goes into an envelope. Spans of JSON text are copied as they are.
    struct Content {
        /// The `type` in its JSON form.
        var type: UnsafeRawBufferPointer
        /// The payload in its JSON form.
        var data: UnsafeRawBufferPointer
        /// The payload's own bytes if it is binary: `data` is their base64 form then.
        var binary: ByteBuffer?
        /// Whether line breaks stand between the payload's tokens.
        var dataHasLineBreaks = false
        /// The sender's id, if it gave one.
        var id: String?
        var topic: String?
        var from: String?
        var event: String?
        var priority = Priority.normal
        var isDurable = false
        var expiresAt = Instant.distantFuture
        var transport: Transport?
        var key: String?
        /// Goes into `meta`.
        var trace: MessageTrace?
    }

    /// Encodes one message.
    static func encode(
        _ content: Content, identifiers: inout IdentifierSource, now: Instant, wallClock: Timestamp
    ) -> Message {
        let fixed = 160
        let capacity =
            fixed + content.type.count + content.data.count + (content.id?.utf8.count ?? IdentifierSource.uuidLength)
            + (content.topic?.utf8.count ?? 0) + (content.from?.utf8.count ?? 0)
            + (content.trace == nil ? 0 : 120 + (content.trace?.state?.utf8.count ?? 0))
        var idOffset = 0
        var idLength = IdentifierSource.uuidLength
        var tail = ByteBufferAllocator().buffer(capacity: capacity)
        tail.writeWithUnsafeMutableBytes(minimumWritableBytes: capacity) { target in
            var out = RawWriter(target.baseAddress!)
            out.put("\"type\":")
            out.put(content.type)
            out.put(",\"id\":\"")
            idOffset = out.count
            if let id = content.id {
                idLength = id.utf8.count
                out.put(text: id)
            } else {
                identifiers.writeUUID(at: wallClock, to: out.reserve(IdentifierSource.uuidLength))
            }
            out.put("\",\"timestamp\":\"")
            wallClock.write(to: out.reserve(Timestamp.length))
            out.put("\"")
            if let topic = content.topic {
                out.put(",\"topic\":\"")
                out.put(text: topic)
                out.put("\"")
            }
            if let from = content.from {
                out.put(",\"from\":\"")
                out.put(text: from)
                out.put("\"")
            }
            if content.priority != .normal {
                out.put(",\"priority\":\"")
                out.put(text: content.priority.name)
                out.put("\"")
            }
            if content.binary != nil { out.put(",\"encoding\":\"base64\"") }
            if let trace = content.trace {
                out.put(",\"meta\":{\"traceparent\":\"")
                out.put(text: trace.context.text)
                if let state = trace.state {
                    out.put("\",\"tracestate\":\"")
                    out.put(text: state)
                }
                out.put("\"}")
            }
            out.put(",\"data\":")
            let start = out.count
            out.put(content.data)
            if content.dataHasLineBreaks {
                // Between tokens only: inside strings JSON has no raw line breaks. One line is what event streams need.
                for i in start..<out.count where target[i] == 0x0A || target[i] == 0x0D { target[i] = 0x20 }
            }
            out.put("}")
            return out.count
        }
        return Message(
            tail: tail, idOffset: idOffset, idLength: idLength, topic: content.topic, event: content.event,
            priority: content.priority, isDurable: content.isDurable, transport: content.transport,
            binary: content.binary, key: content.key, trace: content.trace, acceptedAt: now,
            expiresAt: content.expiresAt)
    }
}

/// Writes bytes one after another into memory that is known to be large enough.
struct RawWriter {
    private let start: UnsafeMutableRawPointer
    private(set) var count = 0

    @inline(__always)
    init(_ start: UnsafeMutableRawPointer) { self.start = start }

    @inline(__always)
    mutating func put(_ text: StaticString) {
        (start + count).copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
        count &+= text.utf8CodeUnitCount
    }

    @inline(__always)
    mutating func put(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress else { return }
        (start + count).copyMemory(from: source, byteCount: bytes.count)
        count &+= bytes.count
    }

    @inline(__always)
    mutating func put(text: String) {
        var text = text
        text.withUTF8 { put(UnsafeRawBufferPointer($0)) }
    }

    @inline(__always)
    mutating func put(decimal value: Int) {
        // Twenty digits and a sign are the most an Int has.
        var digits: InlineArray<20, UInt8> = .init(repeating: 0)
        var rest = value.magnitude
        var length = 0
        repeat {
            digits[length] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
            length &+= 1
        } while rest > 0
        if value < 0 { put("-") }
        for i in 0..<length { start.storeBytes(of: digits[length &- 1 &- i], toByteOffset: count &+ i, as: UInt8.self) }
        count &+= length
    }

    /// Room for `size` bytes that the caller fills.
    @inline(__always)
    mutating func reserve(_ size: Int) -> UnsafeMutablePointer<UInt8> {
        defer { count &+= size }
        return (start + count).assumingMemoryBound(to: UInt8.self)
    }
}
