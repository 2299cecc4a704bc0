import PhoenixProtocol
import Testing

@testable import GatewayServer

struct LongPollTokensTests {
    private let tokens = LongPollTokens(secret: "a secret that nodes share")

    private var token: LongPollToken {
        var token = LongPollToken(session: .init(high: 1, low: 2), version: .v2, expiresAt: 1000)
        token.clientID = "alice"
        token.channels = [.init(topic: "mcp:gateway", joinRef: Array("\"1\"".utf8))]
        return token
    }

    @Test func `whoever has the secret reads what another has signed`() {
        let text = tokens.text(token)
        #expect(tokens.token(text, now: 0) == token)
        #expect(LongPollTokens(secret: "a secret that nodes share").token(text, now: 0) == token)
        #expect(LongPollTokens(secret: "a secret that nodes sharE").token(text, now: 0) == nil)
        #expect(LongPollTokens(secret: nil).token(text, now: 0) == nil)
    }

    @Test func `without a secret a node trusts only itself`() {
        let own = LongPollTokens(secret: nil)
        #expect(own.token(own.text(token), now: 0) == token)
        #expect(LongPollTokens(secret: nil).token(own.text(token), now: 0) == nil)
    }

    @Test func `a token ends with its time`() {
        let text = tokens.text(token)
        #expect(tokens.token(text, now: 999) == token)
        #expect(tokens.token(text, now: 1000) == nil)
    }

    @Test func `no change of any character is accepted`() {
        let text = Array(tokens.text(token).utf8)
        for index in text.indices {
            for other in Array("AQz_-+/=. 0\u{0}".utf8) where other != text[index] {
                var changed = text
                changed[index] = other
                #expect(tokens.token(String(decoding: changed, as: UTF8.self), now: 0) == nil, "at \(index)")
            }
        }
        for count in text.indices {
            #expect(tokens.token(String(decoding: text[..<count], as: UTF8.self), now: 0) == nil)
        }
        #expect(tokens.token(String(decoding: text, as: UTF8.self) + "A", now: 0) == nil)
    }

    @Test func `it can stand in an address and in a header`() {
        #expect(tokens.text(token).utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"+/=%&#?".utf8.contains($0) })
        var long = token
        long.topics = Array(repeating: String(repeating: "t", count: 255), count: 100)
        #expect(tokens.text(long).utf8.count < 4096)
    }
}
