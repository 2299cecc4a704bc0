import GatewayCore
import WireJSON

/// A refusal, as HTTP answers and channel replies carry it: `{"error", "reason", "retry_after"}` (contract §7).
public struct Problem: Error, Equatable, Sendable {
    /// The fitting HTTP status.
    public let status: Int
    /// The code that programs look at.
    public let error: String
    /// A sentence that says what to do about it, or a finer code.
    public let reason: String
    /// Seconds after which the same may succeed; `nil` if waiting does not help.
    public let retryAfter: Int?
    /// The value of `Allow` that goes with 405.
    public private(set) var allowedMethods = ""

    public init(_ status: Int, _ error: String, _ reason: String, retryAfter: Int? = nil) {
        self.status = status
        self.error = error
        self.reason = reason
        self.retryAfter = retryAfter
    }

    /// The JSON form.
    public var json: [UInt8] {
        JSONWriter.object { writer in
            writer.member("error", error)
            writer.member("reason", reason)
            writer.key("retry_after")
            if let retryAfter { writer.value(retryAfter) } else { writer.null() }
        }
    }

    static func methodNotAllowed(_ methods: [String]) -> Problem {
        var problem = Problem(405, "method_not_allowed", "use " + methods.joined(separator: " or "))
        problem.allowedMethods = methods.joined(separator: ", ")
        return problem
    }

    static func invalidMessage(_ reason: String) -> Problem { Problem(422, "invalid_message", reason) }
    /// `type` or `data` is missing; the contract has a code for it in place of a sentence.
    static let missingFields = Problem(422, "invalid_message", "missing_fields")
    static func badRequest(_ reason: String) -> Problem { Problem(400, "bad_request", reason) }
    static let clientIDRequired = Problem(
        400, "client_id_required", "give client_id in the query or the header X-Client-ID")
    static let invalidClientID = Problem(400, "invalid_client_id", "a client_id is " + invalidClientIDRule)
    private static let invalidClientIDRule = "1 to 128 characters of A-Z a-z 0-9 . _ - : @"
    static func rateLimited(retryAfter seconds: Int) -> Problem {
        Problem(429, "rate_limit_exceeded", "too many messages; wait and send again", retryAfter: seconds)
    }
    static let tooManySessions = Problem(
        503, "overloaded", "the gateway holds as many sessions as session.max_sessions allows", retryAfter: 30)
    static func tooManyTopics(_ limits: SessionLimits) -> Problem {
        Problem(
            403, "policy_violation", "a client may subscribe to \(limits.maxTopics) topics (session.max_topics)")
    }
    static func tooManyConnections(_ limits: SessionLimits) -> Problem {
        Problem(
            429, "too_many_connections",
            "a client may hold \(limits.maxConnections) connections (session.max_connections)", retryAfter: 10)
    }
    static func tooManyHandshakes(retryAfter span: Instant.Span) -> Problem {
        Problem(
            503, "overloaded", "more connections begin than listen.handshake_rate allows",
            retryAfter: span.roundedUpSeconds)
    }
    static let draining = Problem(503, "overloaded", "the gateway is shutting down", retryAfter: 5)
}

extension Instant.Span {
    /// Whole seconds, at least 1, for `Retry-After`.
    var roundedUpSeconds: Int { Int(max(1, (nanoseconds + 999_999_999) / 1_000_000_000)) }
}
