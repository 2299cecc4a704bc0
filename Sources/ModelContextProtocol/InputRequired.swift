public import NIOCore
import WireJSON

/// A result that is a question (2026-07-28): the call comes again, with what the client has answered.
public struct InputRequired {
    /// One of the questions.
    public struct Request {
        /// What the answer goes by.
        public let key: String
        /// What kind of question it is, such as `elicitation/create`.
        public let method: String
        /// JSON text of its parameters.
        public let params: [UInt8]?

        public init(key: String, method: String, params: [UInt8]?) {
            self.key = key
            self.method = method
            self.params = params
        }
    }

    public private(set) var requests: [Request] = []
    /// JSON text of what the next call is to bring back.
    public private(set) var state: [UInt8]?

    /// Reads a result; `nil` if it is no question.
    public init?(_ message: RPCMessage, _ bytes: UnsafeRawBufferPointer) {
        guard let result = message.result, message.isResultObject else { return nil }
        let inner = UnsafeRawBufferPointer(rebasing: bytes[result.offset..<result.end])
        var scanner = JSONScanner(inner, maxDepth: 512)
        // The message has been checked: nothing in it can be wrong any more.
        guard let isQuestion = try? read(&scanner, inner), isQuestion else { return nil }
    }

    private mutating func read(
        _ scanner: inout JSONScanner, _ bytes: UnsafeRawBufferPointer
    ) throws(JSONError) -> Bool {
        guard try scanner.beginObject() else { return false }
        var isQuestion = false
        repeat {
            let key = RPCMessage.text(try scanner.key(), bytes)
            if key == "inputRequests", try scanner.peek() == UInt8(ascii: "{") {
                try readRequests(&scanner, bytes)
                continue
            }
            let value = try scanner.value()
            switch key {
            case "resultType":
                isQuestion = RPCMessage.text(value, bytes) == "input_required"
                // Nearly every result says first what it is.
                if !isQuestion { return false }
            case "requestState": state = [UInt8](bytes[value.offset..<value.end])
            default: break
            }
        } while try scanner.nextMember()
        return isQuestion
    }

    private mutating func readRequests(
        _ scanner: inout JSONScanner, _ bytes: UnsafeRawBufferPointer
    ) throws(JSONError) {
        guard try scanner.beginObject() else { return }
        repeat {
            let key = RPCMessage.text(try scanner.key(), bytes)
            guard try scanner.peek() == UInt8(ascii: "{") else {
                _ = try scanner.value()
                continue
            }
            guard try scanner.beginObject() else { continue }
            var method = ""
            var params: [UInt8]?
            repeat {
                let member = RPCMessage.text(try scanner.key(), bytes)
                let value = try scanner.value()
                if member == "method" { method = RPCMessage.text(value, bytes) }
                if member == "params" { params = [UInt8](bytes[value.offset..<value.end]) }
            } while try scanner.nextMember()
            if !method.isEmpty { requests.append(Request(key: key, method: method, params: params)) }
        } while try scanner.nextMember()
    }

    /// The `result` that asks.
    /// - Parameters:
    ///   - state: what the next call is to bring back.
    ///   - server: JSON text of name and version of whoever asks.
    public static func result(_ requests: [Request], state: String, server: [UInt8]) -> [UInt8] {
        var output = JSONWriter.object { writer in
            writer.member("resultType", "input_required")
            writer.member("inputRequests") { list in
                for request in requests {
                    list.member(request.key) { one in
                        one.member("method", request.method)
                        if let params = request.params { one.member("params", raw: params) }
                    }
                }
            }
            writer.member("requestState", state)
        }
        output.removeLast()
        output.append(UInt8(ascii: ","))
        output.append(contentsOf: RPCAnswer.serverMeta(server))
        output.append(UInt8(ascii: "}"))
        return output
    }

    /// A call once more, with answers.
    /// - Parameters:
    ///   - number: its new id; also what its progress is to name.
    ///   - responses: JSON text of each answer.
    public static func retry(
        _ call: RPCMessage, _ bytes: UnsafeRawBufferPointer, number: Int, responses: [(key: String, value: [UInt8])],
        state: [UInt8]?
    ) -> ByteBuffer {
        var splice = Splice()
        splice.replace(call.id, with: number)
        splice.replace(call.progressToken, with: number)
        if let params = call.params {
            var members: [[UInt8]] = []
            if !responses.isEmpty {
                let object = JSONWriter.object { writer in
                    for (key, value) in responses { writer.member(key, raw: value) }
                }
                members.append(Array("\"inputResponses\":".utf8) + object)
            }
            if let state { members.append(Array("\"requestState\":".utf8) + state) }
            // A call names what it calls: its parameters are never empty.
            splice.insert(members.flatMap { $0 + [UInt8(ascii: ",")] }, at: params.offset + 1)
        }
        return splice.apply(to: bytes)
    }

    /// The answers that a call brings, by what they go by.
    public static func responses(_ message: RPCMessage, _ bytes: UnsafeRawBufferPointer) -> [String: [UInt8]] {
        guard let span = message.inputResponses, bytes[span.offset] == UInt8(ascii: "{") else { return [:] }
        let inner = UnsafeRawBufferPointer(rebasing: bytes[span.offset..<span.end])
        var scanner = JSONScanner(inner, maxDepth: 512)
        var found: [String: [UInt8]] = [:]
        func read(_ scanner: inout JSONScanner) throws(JSONError) {
            guard try scanner.beginObject() else { return }
            repeat {
                let key = RPCMessage.text(try scanner.key(), inner)
                let value = try scanner.value()
                found[key] = [UInt8](inner[value.offset..<value.end])
            } while try scanner.nextMember()
        }
        // The message has been checked, as above.
        try? read(&scanner)
        return found
    }
}
