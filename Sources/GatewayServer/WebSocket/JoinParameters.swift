import GatewayCore
import PhoenixProtocol
import WireJSON

/// The payload of `phx_join` (contract §5). Unknown members are the application's own.
struct JoinParameters {
    private(set) var clientID: String?
    private(set) var token: String?
    private(set) var room: String?
    private(set) var topics: [String] = []
    private(set) var resume = ResumePoint.none
    private(set) var acknowledges = false
    private(set) var takesBundles = false
    private(set) var slowConsumerPolicy: String?
    private(set) var isIndependent = false
    /// Whether the client follows the node.
    private(set) var followsViability = false
    /// Whether a V2 client wants binary payloads inside their envelopes, as all others get them.
    private(set) var wantsBase64: Bool?

    /// Reads a payload that the scanner has checked already.
    init(_ payload: UnsafeRawBufferPointer, maxDepth: Int) throws(Problem) {
        var scanner = JSONScanner(payload, maxDepth: maxDepth)
        do {
            guard try scanner.peek() == UInt8(ascii: "{") else {
                throw Problem.invalidMessage("the payload must be an object")
            }
            guard try scanner.beginObject() else { return }
            repeat {
                let key = try scanner.key()
                let value = try scanner.value()
                try member(key, value, payload)
            } while try scanner.nextMember()
        } catch let problem as Problem {
            throw problem
        } catch {
            throw .invalidMessage("the payload must be an object")
        }
    }

    private mutating func member(
        _ key: JSONSpan, _ value: JSONSpan, _ bytes: UnsafeRawBufferPointer
    ) throws(Problem) {
        let first = bytes[value.offset]
        // `null` is as good as absent.
        guard first != UInt8(ascii: "n") else { return }
        if bytes.isString(key, "client_id") {
            clientID = try text(value, bytes, "client_id")
        } else if bytes.isString(key, "token") {
            if first == UInt8(ascii: "\"") { token = JSONText.decode(bytes[value]) }
        } else if bytes.isString(key, "room") {
            room = try text(value, bytes, "room")
        } else if bytes.isString(key, "topics") {
            topics = try texts(bytes[value])
        } else if bytes.isString(key, "last_event_id") {
            resume = ResumePoint(
                text: first == UInt8(ascii: "\"")
                    ? JSONText.decode(bytes[value]) : String(decoding: bytes[value], as: UTF8.self))
        } else if bytes.isString(key, "resume") {
            guard try text(value, bytes, "resume") == "auto" else { throw .invalidMessage("resume can only be auto") }
            if resume == .none { resume = .automatic }
        } else if bytes.isString(key, "ack") {
            acknowledges = first == UInt8(ascii: "t")
        } else if bytes.isString(key, "binary") {
            let form = try text(value, bytes, "binary")
            guard form == "push" || form == "base64" else { throw .invalidMessage("binary must be push or base64") }
            wantsBase64 = form == "base64"
        } else if bytes.isString(key, "vsm") {
            followsViability = first == UInt8(ascii: "t")
        } else if bytes.isString(key, "batch") {
            takesBundles = first == UInt8(ascii: "t")
        } else if bytes.isString(key, "slow_consumer_policy") {
            slowConsumerPolicy = try text(value, bytes, "slow_consumer_policy")
        } else if bytes.isString(key, "delivery") {
            isIndependent = try text(value, bytes, "delivery") == "all"
        }
    }

    private func text(_ span: JSONSpan, _ bytes: UnsafeRawBufferPointer, _ name: String) throws(Problem) -> String {
        guard bytes[span.offset] == UInt8(ascii: "\"") else { throw .invalidMessage("\(name) must be a string") }
        return JSONText.decode(bytes[span])
    }

    private func texts(_ bytes: UnsafeRawBufferPointer) throws(Problem) -> [String] {
        var scanner = JSONScanner(bytes, maxDepth: 1)
        var list: [String] = []
        do {
            if try scanner.beginArray() {
                repeat { list.append(JSONText.decode(bytes[try scanner.string()])) } while try scanner.nextElement()
            }
        } catch {
            throw .invalidMessage("topics must be a list of strings")
        }
        return list
    }
}
