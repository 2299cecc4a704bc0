import WireJSON

/// A message from a client, as places inside its bytes. The payload is checked but not decoded.
public struct PhoenixFrame: Equatable, Sendable {
    /// The `ref` of the join that the message belongs to, in its JSON form; `nil` if absent or null.
    public var joinRef: JSONSpan?
    /// What an answer will carry, in its JSON form; `nil` if absent or null.
    public var ref: JSONSpan?
    public var topic: JSONSpan
    public var event: JSONSpan
    public var payload: JSONSpan

    /// A message whose places are known.
    public init(joinRef: JSONSpan?, ref: JSONSpan?, topic: JSONSpan, event: JSONSpan, payload: JSONSpan) {
        self.joinRef = joinRef
        self.ref = ref
        self.topic = topic
        self.event = event
        self.payload = payload
    }

    /// The longest `ref` that is echoed.
    public static let maxRefLength = 128

    /// Reads a text frame.
    public static func decode(
        _ bytes: UnsafeRawBufferPointer, version: PhoenixVersion, maxDepth: Int
    ) throws(PhoenixFrameError) -> PhoenixFrame {
        var scanner = JSONScanner(bytes, maxDepth: maxDepth)
        do {
            let frame =
                switch version {
                case .v1: try decodeObject(&scanner, bytes)
                case .v2: try decodeArray(&scanner, bytes)
                }
            try scanner.finish()
            return frame
        } catch let error as PhoenixFrameError {
            throw error
        } catch let error as JSONError {
            throw .json(error)
        } catch {
            preconditionFailure("Only these two are thrown")
        }
    }

    private static func decodeArray(
        _ scanner: inout JSONScanner, _ bytes: UnsafeRawBufferPointer
    ) throws -> PhoenixFrame {
        guard try scanner.peek() == UInt8(ascii: "[") else { throw PhoenixFrameError.notAnArray }
        guard try scanner.beginArray() else { throw PhoenixFrameError.tooShort }
        let joinRef = try reference(scanner.value(), bytes)
        guard try scanner.nextElement() else { throw PhoenixFrameError.tooShort }
        let ref = try reference(scanner.value(), bytes)
        guard try scanner.nextElement() else { throw PhoenixFrameError.tooShort }
        guard try scanner.peek() == UInt8(ascii: "\"") else { throw PhoenixFrameError.invalid("topic") }
        let topic = try scanner.string()
        guard try scanner.nextElement() else { throw PhoenixFrameError.tooShort }
        guard try scanner.peek() == UInt8(ascii: "\"") else { throw PhoenixFrameError.invalid("event") }
        let event = try scanner.string()
        guard try scanner.nextElement() else { throw PhoenixFrameError.tooShort }
        let payload = try scanner.value()
        // Phoenix ignores further elements.
        while try scanner.nextElement() { _ = try scanner.value() }
        return PhoenixFrame(joinRef: joinRef, ref: ref, topic: topic, event: event, payload: payload)
    }

    private static func decodeObject(
        _ scanner: inout JSONScanner, _ bytes: UnsafeRawBufferPointer
    ) throws -> PhoenixFrame {
        guard try scanner.peek() == UInt8(ascii: "{") else { throw PhoenixFrameError.notAnObject }
        var frame = PhoenixFrame(
            joinRef: nil, ref: nil, topic: JSONSpan(offset: 0, length: 0), event: JSONSpan(offset: 0, length: 0),
            payload: JSONSpan(offset: 0, length: 0))
        if try scanner.beginObject() {
            repeat {
                let key = try scanner.key()
                if bytes.isString(key, "topic") {
                    guard try scanner.peek() == UInt8(ascii: "\"") else { throw PhoenixFrameError.invalid("topic") }
                    frame.topic = try scanner.string()
                } else if bytes.isString(key, "event") {
                    guard try scanner.peek() == UInt8(ascii: "\"") else { throw PhoenixFrameError.invalid("event") }
                    frame.event = try scanner.string()
                } else if bytes.isString(key, "payload") {
                    frame.payload = try scanner.value()
                } else if bytes.isString(key, "ref") {
                    frame.ref = try reference(scanner.value(), bytes)
                } else if bytes.isString(key, "join_ref") {
                    frame.joinRef = try reference(scanner.value(), bytes)
                } else {
                    _ = try scanner.value()
                }
            } while try scanner.nextMember()
        }
        if frame.topic.length == 0 { throw PhoenixFrameError.missing("topic") }
        if frame.event.length == 0 { throw PhoenixFrameError.missing("event") }
        if frame.payload.length == 0 { throw PhoenixFrameError.missing("payload") }
        return frame
    }

    /// A reference that can be echoed: a string, number or boolean; null is none.
    private static func reference(_ span: JSONSpan, _ bytes: UnsafeRawBufferPointer) throws -> JSONSpan? {
        switch bytes[span.offset] {
        case UInt8(ascii: "n"): return nil
        case UInt8(ascii: "{"), UInt8(ascii: "["): throw PhoenixFrameError.invalid("ref")
        default:
            guard span.length <= maxRefLength else { throw PhoenixFrameError.invalid("ref") }
            return span
        }
    }
}

/// Why a text frame is no message of the protocol. Without a `ref` there is nothing to answer to.
public enum PhoenixFrameError: Error, Equatable, Sendable {
    case json(JSONError)
    case notAnArray
    case notAnObject
    case tooShort
    case missing(String)
    case invalid(String)

    /// A sentence for the close frame.
    public var reason: String {
        switch self {
        case .json(let error): "not JSON: \(error.reason)"
        case .notAnArray: "vsn 2 messages are arrays [join_ref, ref, topic, event, payload]"
        case .notAnObject: "vsn 1 messages are objects {topic, event, payload, ref}"
        case .tooShort: "the array must have five elements: join_ref, ref, topic, event, payload"
        case .missing(let name): "\(name) is missing"
        case .invalid(let name): "\(name) has the wrong type or is too long"
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether the JSON string at `span` (quotes included) is `text`. Text that was written with escapes is not found:
    /// names of the protocol have none.
    @inlinable
    public func isString(_ span: JSONSpan, _ text: StaticString) -> Bool {
        guard span.length == text.utf8CodeUnitCount + 2 else { return false }
        let start = baseAddress! + span.offset + 1
        for i in 0..<text.utf8CodeUnitCount where start.load(fromByteOffset: i, as: UInt8.self) != text.utf8Start[i] {
            return false
        }
        return true
    }

    /// The bytes of `span`.
    @inlinable
    public subscript(span: JSONSpan) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: baseAddress! + span.offset, count: span.length)
    }
}
