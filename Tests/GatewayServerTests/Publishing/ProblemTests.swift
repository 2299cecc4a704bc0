import GatewayCore
import Testing

@testable import GatewayServer

/// Contract §7: errors are `{"error", "reason", "retry_after"}`.
struct ProblemTests {
    @Test func `a refusal has exactly the contract's three members`() throws {
        let object = try JSONOracle.object(Problem(429, "rate_limit_exceeded", "wait", retryAfter: 7).json)
        #expect(Set(object.keys) == ["error", "reason", "retry_after"])
        #expect(object["error"] as? String == "rate_limit_exceeded")
        #expect(object["reason"] as? String == "wait")
        #expect(object["retry_after"] as? Int == 7)
    }

    @Test func `retry_after is null where waiting does not help`() {
        #expect(Problem(422, "a", "b").json.elementsEqual(#"{"error":"a","reason":"b","retry_after":null}"#.utf8))
    }

    @Test func `any reason is written as valid JSON`() throws {
        for reason in ["\"quoted\"", "back\\slash", "line\nbreak\r\t", "\0\u{1F}\u{7F}", "é€😀\u{2028}", ""] {
            let object = try JSONOracle.object(Problem(400, reason, reason).json)
            #expect(object["error"] as? String == reason)
            #expect(object["reason"] as? String == reason)
        }
    }

    @Test func `a wrong method is told the right ones`() {
        let problem = Problem.methodNotAllowed(["GET", "HEAD"])
        #expect(problem.status == 405)
        #expect(problem.error == "method_not_allowed")
        #expect(problem.reason == "use GET or HEAD")
        #expect(problem.allowedMethods == "GET, HEAD")
    }

    @Test func `an answer carries the refusal's status and Retry-After`() {
        let refused = APIResponse.problem(.rateLimited(retryAfter: 3))
        #expect(refused.status.code == 429)
        #expect(refused.headers.first(name: "retry-after") == "3")
        #expect(refused.headers.first(name: "content-type") == "application/json; charset=utf-8")
        #expect(refused.body.readableBytesView.elementsEqual(Problem.rateLimited(retryAfter: 3).json))
        #expect(APIResponse.problem(.missingFields).headers.first(name: "retry-after") == nil)
    }

    @Test(
        arguments: [(-1, 1), (0, 1), (1, 1), (999_999_999, 1), (1_000_000_000, 1), (1_000_000_001, 2)] as [(Int64, Int)]
    )
    func `a wait is told in whole seconds, rounded up, at least one`(nanoseconds: Int64, seconds: Int) {
        #expect(Instant.Span(nanoseconds: nanoseconds).roundedUpSeconds == seconds)
    }
}
