import GatewayServer
import Testing

@testable import GatewayWebhooks

@Suite struct WebhookAnswerTests {
    private func permission(_ text: String) throws(Problem) -> String? {
        try WebhookAnswer.permission(Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func `only a false word refuses`() throws {
        #expect(try WebhookAnswer.permission(nil) == nil)
        #expect(try permission("{}") == nil)
        #expect(try permission(#"{"allow":true,"attributes":{"a":[1]}}"#) == #"{"a":[1]}"#)
        #expect(try permission(#"{"attributes":7}"#) == nil, "attributes are an object")
        #expect(throws: Problem(403, "policy_violation", "the webhook does not permit it")) {
            try permission(#"{"allow":false}"#)
        }
        #expect(throws: Problem(403, "full", "later", retryAfter: 9)) {
            try permission(#"{"allow":false,"error":"full","reason":"later","retry_after":9}"#)
        }
        #expect(throws: Problem.self) { try permission("[]") }
        #expect(throws: Problem.self) { try permission("true") }
    }

    @Test func `an answer is JSON or nothing`() throws {
        #expect(try WebhookAnswer.checked([], maxDepth: 8) == nil)
        #expect(try WebhookAnswer.checked(Array("[1,{}]".utf8), maxDepth: 8) != nil)
        #expect(throws: Problem.self) { try WebhookAnswer.checked(Array("<html>".utf8), maxDepth: 8) }
        #expect(throws: Problem.self) { try WebhookAnswer.checked(Array("{} {}".utf8), maxDepth: 8) }
        #expect(throws: Problem.self) { try WebhookAnswer.checked(Array("[[[1]]]".utf8), maxDepth: 2) }
    }
}
