import Testing

@testable import GatewayWebhooks

@Suite struct WebhookSignatureTests {
    /// The example of the Standard Webhooks libraries.
    @Test func `signs as Standard Webhooks does`() {
        let signature = WebhookSignature(secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        let text = signature.sign(
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330, body: Array(#"{"test": 2432232314}"#.utf8))
        #expect(text == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    @Test func `a secret without the prefix is the key itself`() {
        let plain = WebhookSignature(secret: "correct horse").sign(id: "1", timestamp: 1, body: [])
        let encoded = WebhookSignature(secret: "whsec_Y29ycmVjdCBob3JzZQ==").sign(id: "1", timestamp: 1, body: [])
        #expect(plain == encoded)
    }
}
