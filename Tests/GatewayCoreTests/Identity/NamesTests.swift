import Testing

@testable import GatewayCore

/// Client ids, topics and event names.
@Suite struct NamesTests {
    @Test(arguments: [
        "a", "Z", "0", ".", "_", "-", ":", "@", "user123", "a.b_c-d:e@f", String(repeating: "x", count: 128),
    ])
    func clientIDs(text: String) {
        #expect(ClientID(text)?.text == text)
        #expect(ClientID(text)?.description == text)
    }

    @Test(arguments: [
        "", " ", "a b", "ä", "a/b", "a+b", "a\n", "a\u{0}", "😀", "a\u{301}", "\"", "\\", "a,b", "a?b", "a=b", "a%20b",
        String(repeating: "x", count: 129), String(repeating: "ä", count: 64),
    ])
    func whatIsNoClientID(text: String) {
        #expect(ClientID(text) == nil)
    }

    @Test func everyByteOfAClientIDIsDecided() {
        let allowed = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-:@".utf8)
        for byte in UInt8(0)..<128 {
            #expect((ClientID("a" + String(UnicodeScalar(byte))) != nil) == allowed.contains(byte), "byte \(byte)")
        }
    }

    @Test(arguments: ["room:123", "a b", "Grüße", "😀", " ", String(repeating: "x", count: 255), "a/b?c=d", "'"])
    func topics(text: String) {
        #expect(Name.isValid(text))
    }

    @Test(arguments: [
        "", "a\nb", "a\rb", "\u{0}", "\u{1F}", "a\u{7F}", "\"", "a\\b", String(repeating: "x", count: 256),
        String(repeating: "ä", count: 128),
    ])
    func whatIsNoTopic(text: String) {
        #expect(!Name.isValid(text))
        #expect(!Name.isValidEvent(text))
    }

    @Test(arguments: ["message", "data_update", "chat", "a b", "Phx_x", "phx"])
    func events(text: String) {
        #expect(Name.isValidEvent(text))
    }

    @Test(arguments: [
        "phx_reply", "phx_join", "phx_", "chan_reply_3", "connected", "heartbeat", "gap", "error", "gateway_error",
        "gateway_close", "transport_switched", "pong", "mcp", " a",
    ])
    func reservedEvents(text: String) {
        #expect(!Name.isValidEvent(text))
    }

    /// `isValidEvent` promises both: "a name that starts or ends with a space would not survive an event stream".
    @Test func anEventDoesNotEndWithASpace() {
        #expect(!Name.isValidEvent("a "))
    }

    @Test func roomsAreTopics() {
        #expect(WellKnownTopic.room("123") == "room:123")
    }
}
