import GatewayServer
import WireJSON

/// What webhooks answer.
enum WebhookAnswer {
    /// The body of a good answer, if it is JSON text.
    /// - Returns: `nil` if there is none.
    static func checked(_ body: [UInt8], maxDepth: Int) throws(Problem) -> [UInt8]? {
        guard !body.isEmpty else { return nil }
        let isJSON = body.withUnsafeBytes { bytes in
            var scanner = JSONScanner(bytes, maxDepth: maxDepth)
            guard (try? scanner.value()) != nil else { return false }
            return (try? scanner.finish()) != nil
        }
        guard isJSON else { throw Problem(502, "webhook_failed", "the webhook's answer is not JSON") }
        return body
    }

    /// What the client is told of an answer that says no: the webhook's own `error` and `reason`, if it gives them.
    static func refusal(_ status: Int, _ body: [UInt8]) -> Problem {
        let members = Members(body)
        return Problem(
            status, members?.error ?? "refused", members?.reason ?? "the webhook answered \(status)",
            retryAfter: members?.retryAfter)
    }

    /// What the answer to a question says.
    /// - Returns: the attributes, as JSON text; `nil` if there are none.
    static func permission(_ body: [UInt8]?) throws(Problem) -> [UInt8]? {
        // An answer without a body has nothing against it.
        guard let body else { return nil }
        guard let members = Members(body) else {
            throw Problem(502, "webhook_failed", "the webhook's answer is not a JSON object")
        }
        guard members.allow != false else {
            throw Problem(
                403, members.error ?? "policy_violation", members.reason ?? "the webhook does not permit it",
                retryAfter: members.retryAfter)
        }
        return members.attributes
    }

    /// The members that mean something.
    private struct Members {
        var allow: Bool?
        var attributes: [UInt8]?
        var error: String?
        var reason: String?
        var retryAfter: Int?

        /// `nil` if the text is not an object.
        init?(_ body: [UInt8]) {
            let isObject = body.withUnsafeBytes { bytes in (try? read(bytes)) == true }
            guard isObject else { return nil }
        }

        private mutating func read(_ bytes: UnsafeRawBufferPointer) throws -> Bool {
            var scanner = JSONScanner(bytes, maxDepth: 64)
            guard try scanner.peek() == UInt8(ascii: "{") else { return false }
            if try scanner.beginObject() {
                repeat {
                    let key = try scanner.key()
                    let value = try scanner.value()
                    let first = bytes[value.offset]
                    if bytes.isString(key, "allow") {
                        allow = first == UInt8(ascii: "t")
                    } else if bytes.isString(key, "attributes"), first == UInt8(ascii: "{") {
                        attributes = Array(bytes[value])
                    } else if bytes.isString(key, "error"), first == UInt8(ascii: "\"") {
                        error = JSONText.decode(bytes[value])
                    } else if bytes.isString(key, "reason"), first == UInt8(ascii: "\"") {
                        reason = JSONText.decode(bytes[value])
                    } else if bytes.isString(key, "retry_after") {
                        retryAfter = Int(String(decoding: bytes[value], as: UTF8.self))
                    }
                } while try scanner.nextMember()
            }
            try scanner.finish()
            return true
        }
    }
}
