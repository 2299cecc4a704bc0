import GatewayCore
import NIOCore
import PhoenixProtocol
import WireJSON

/// What someone wants to be sent, as places inside the bytes of the request: `POST /mcp/messages`, `POST /mcp/push`, or
/// the payload of a channel's `message` (contract §5, §7). The data is checked but not decoded.
package struct PublishRequest {
    let bytes: UnsafeRawBufferPointer
    package private(set) var type: JSONSpan?
    package private(set) var data: JSONSpan?
    private(set) var clientID: String?
    private(set) var clientIDs: [String]?
    private(set) var to: String?
    package private(set) var topic: String?
    package private(set) var event: String?
    private(set) var id: String?
    private(set) var priority = Priority.normal
    private(set) var isBroadcast = false
    /// The number that a client has given the message.
    private(set) var number: Int?
    /// Whether its topic keeps it for later subscribers.
    private(set) var isRetained: Bool?
    /// Messages with the same key replace each other for connections that are behind and conflate.
    private(set) var key: String?
    private(set) var isDurable: Bool?
    private(set) var timeToLive: Instant.Span?
    /// The transport that the sender would like; `nil` for `auto`.
    private(set) var transport: Transport?
    /// `meta.traceparent` and `meta.tracestate`: where in a trace the sender stands.
    private(set) var traceParent: String?
    private(set) var traceState: String?
    private(set) var hasLineBreaks = false
    /// The bytes that `data` stands for, when the sender says that it is base64.
    private(set) var binary: ByteBuffer?
    private var isBase64 = false

    /// The longest list of `client_ids`.
    static let maxRecipients = 10_000
    /// The longest `type` in bytes.
    static let maxTypeLength = 255
    /// The longest `key` in bytes.
    static let maxKeyLength = 255
    /// The longest `id` in bytes.
    static let maxIDLength = 128

    /// Reads a request.
    /// - Parameter bytes: the JSON text; must stay valid as long as the request is used.
    package init(_ bytes: UnsafeRawBufferPointer, maxDepth: Int) throws(Problem) {
        self.bytes = bytes
        var scanner = JSONScanner(bytes, maxDepth: maxDepth)
        do {
            guard try scanner.peek() == UInt8(ascii: "{") else { throw Problem.invalidMessage("must be a JSON object") }
            if try scanner.beginObject() {
                repeat {
                    let key = try scanner.key()
                    try member(key, &scanner)
                } while try scanner.nextMember()
            }
            try scanner.finish()
        } catch let problem as Problem {
            throw problem
        } catch let error as JSONError {
            throw Problem(400, "invalid_json", error.reason)
        } catch {
            preconditionFailure("Only these two are thrown")
        }
        hasLineBreaks = scanner.sawLineBreak
        if isBase64, let data { binary = try decodeBase64(data) }
    }

    /// A binary push of a channel: it has no place for members, so that its event is the message's type and name.
    /// - Parameters:
    ///   - payload: the bytes.
    ///   - event, data: the event and the payload's base64 form as JSON strings inside `text`, which must stay valid as
    ///     long as the request is used.
    init(binary payload: UnsafeRawBufferPointer, event: JSONSpan, data: JSONSpan, in text: UnsafeRawBufferPointer)
        throws(Problem)
    {
        bytes = text
        type = event
        self.data = data
        binary = ByteBuffer(bytes: payload)
        guard event.length > 2 else { throw .invalidMessage("the event must have a name") }
        self.event = try Self.eventName(JSONText.decode(text[event]))
    }

    private func decodeBase64(_ span: JSONSpan) throws(Problem) -> ByteBuffer {
        guard bytes[span.offset] == UInt8(ascii: "\""),
            // Some writers of JSON escape the slash.
            let decoded = Base64.decode(Array(JSONText.decode(bytes[span]).utf8))
        else { throw .invalidMessage("with encoding base64, data must be a string in base64 (RFC 4648, section 4)") }
        return ByteBuffer(bytes: decoded)
    }

    /// The event of a message; `nil` for `message`, which is what events are called unless their sender says otherwise.
    private static func eventName(_ text: String) throws(Problem) -> String? {
        guard Name.isValidEvent(text) else {
            throw Problem.invalidMessage("event must be a name that the protocols do not reserve, " + Name.rule)
        }
        return text == "message" ? nil : text
    }

    /// The `type` in its JSON form; `message` if none was given.
    var typeText: UnsafeRawBufferPointer { type.map { bytes[$0] } ?? Self.defaultType }

    private static var defaultType: UnsafeRawBufferPointer {
        let text: StaticString = "\"message\""
        return UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }

    private mutating func member(_ key: JSONSpan, _ scanner: inout JSONScanner) throws {
        // Ordered by how often they come; names differ in length, so that most comparisons end at once.
        if bytes.isString(key, "data") {
            data = try scanner.value()
        } else if try scanner.peek() == UInt8(ascii: "n") {
            // `null` is as good as absent.
            _ = try scanner.value()
        } else if bytes.isString(key, "type") {
            let span = try string("type", &scanner)
            guard span.length > 2, span.length <= Self.maxTypeLength + 2 else {
                throw Problem.invalidMessage("type must have 1 to \(Self.maxTypeLength) bytes")
            }
            type = span
        } else if bytes.isString(key, "topic") {
            let text = try decoded("topic", &scanner)
            guard Name.isValid(text) else { throw Problem.invalidMessage("topic must have " + Name.rule) }
            topic = text
        } else if bytes.isString(key, "client_id") {
            clientID = try decoded("client_id", &scanner)
        } else if bytes.isString(key, "to") {
            to = try decoded("to", &scanner)
        } else if bytes.isString(key, "id") {
            let text = try decoded("id", &scanner)
            guard Name.isValid(text), text.utf8.count <= Self.maxIDLength else {
                throw Problem.invalidMessage(
                    "id must be a string of 1 to 128 bytes without control characters or quotes")
            }
            id = text
        } else if bytes.isString(key, "event") {
            event = try Self.eventName(decoded("event", &scanner))
        } else if bytes.isString(key, "priority") {
            let text = try decoded("priority", &scanner)
            guard let known = Priority.allCases.first(where: { $0.name == text }) else {
                throw Problem.invalidMessage("priority must be low, normal or high")
            }
            priority = known
        } else if bytes.isString(key, "client_ids") {
            clientIDs = try strings("client_ids", &scanner)
        } else if bytes.isString(key, "meta") {
            try meta(&scanner)
        } else if bytes.isString(key, "encoding") {
            let text = try decoded("encoding", &scanner)
            guard text == "base64" || text == "json" else {
                throw Problem.invalidMessage("encoding must be json or base64")
            }
            isBase64 = text == "base64"
        } else if bytes.isString(key, "durable") {
            isDurable = try boolean("durable", &scanner)
        } else if bytes.isString(key, "broadcast") {
            isBroadcast = try boolean("broadcast", &scanner)
        } else if bytes.isString(key, "seq") {
            let span = try scanner.value()
            guard let value = Int(String(decoding: bytes[span], as: UTF8.self)), value >= 0, value < .max else {
                throw Problem.invalidMessage("seq must be a whole number from 0 on")
            }
            number = value
        } else if bytes.isString(key, "retain") {
            isRetained = try boolean("retain", &scanner)
        } else if bytes.isString(key, "key") {
            let text = try decoded("key", &scanner)
            guard (1...Self.maxKeyLength).contains(text.utf8.count) else {
                throw Problem.invalidMessage("key must be a string of 1 to \(Self.maxKeyLength) bytes")
            }
            self.key = text
        } else if bytes.isString(key, "ttl") {
            timeToLive = try milliseconds("ttl", &scanner)
        } else if bytes.isString(key, "timeout") {
            _ = try milliseconds("timeout", &scanner)
        } else if bytes.isString(key, "transport") {
            let text = try decoded("transport", &scanner)
            transport = Transport.allCases.first { $0.name == text }
            guard transport != nil || text == "auto" else {
                throw Problem.invalidMessage("transport must be auto, websocket or http_sse")
            }
        } else {
            _ = try scanner.value()
        }
    }

    /// The longest `tracestate` (W3C Trace Context §3.3.1.5).
    static let maxTraceStateLength = 512

    /// Of `meta`, what travels with the message. A context that nobody could read is left out, as W3C has it.
    private mutating func meta(_ scanner: inout JSONScanner) throws {
        guard try scanner.peek() == UInt8(ascii: "{") else { throw Problem.invalidMessage("meta must be an object") }
        guard try scanner.beginObject() else { return }
        repeat {
            let key = try scanner.key()
            let value = try scanner.value()
            guard bytes[value.offset] == UInt8(ascii: "\"") else { continue }
            if bytes.isString(key, "traceparent") {
                let text = JSONText.decode(bytes[value])
                if TraceContext(text) != nil { traceParent = text }
            } else if bytes.isString(key, "tracestate") {
                let text = JSONText.decode(bytes[value])
                // It is written as it is: nothing in it may need an escape.
                let isPlain = text.utf8.allSatisfy {
                    (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
                }
                if isPlain, text.utf8.count <= Self.maxTraceStateLength { traceState = text }
            }
        } while try scanner.nextMember()
    }

    private func string(_ name: String, _ scanner: inout JSONScanner) throws -> JSONSpan {
        guard try scanner.peek() == UInt8(ascii: "\"") else { throw Problem.invalidMessage("\(name) must be a string") }
        return try scanner.string()
    }

    private func decoded(_ name: String, _ scanner: inout JSONScanner) throws -> String {
        try JSONText.decode(bytes[string(name, &scanner)])
    }

    private func strings(_ name: String, _ scanner: inout JSONScanner) throws -> [String] {
        guard try scanner.peek() == UInt8(ascii: "[") else { throw Problem.invalidMessage("\(name) must be a list") }
        var list: [String] = []
        if try scanner.beginArray() {
            repeat {
                guard list.count < Self.maxRecipients else {
                    throw Problem.invalidMessage("\(name) may have \(Self.maxRecipients) entries")
                }
                list.append(try decoded(name, &scanner))
            } while try scanner.nextElement()
        }
        return list
    }

    private func boolean(_ name: String, _ scanner: inout JSONScanner) throws -> Bool {
        let span = try scanner.value()
        switch bytes[span.offset] {
        case UInt8(ascii: "t"): return true
        case UInt8(ascii: "f"): return false
        default: throw Problem.invalidMessage("\(name) must be true or false")
        }
    }

    private func milliseconds(_ name: String, _ scanner: inout JSONScanner) throws -> Instant.Span {
        let span = try scanner.value()
        guard let value = Int64(String(decoding: bytes[span], as: UTF8.self)), value > 0, value <= 31_536_000_000 else {
            throw Problem.invalidMessage("\(name) must be a number of milliseconds above 0")
        }
        return .milliseconds(value)
    }
}
