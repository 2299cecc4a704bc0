import Testing

@testable import GatewayServer

struct RouteTests {
    @Test(
        "a route takes an exact type, or every type with its beginning",
        arguments: [
            ("echo", "echo", true), ("echo", "Echo", false), ("echo", "echo2", false), ("echo", "ech", false),
            ("echo", "", false), ("*", "anything", true), ("*", "", true), ("*", "*", true),
            ("chat.*", "chat.room", true),
            ("chat.*", "chat.", true), ("chat.*", "chat", false), ("chat.*", "chatty", false), ("chat*", "chat", true),
            ("chat*", "chatty", true), ("é*", "éa", true), ("a*b", "a*b", true), ("a*b", "axb", false), ("", "", true),
            ("", "a", false), ("**", "*a", true), ("**", "a", false),
        ])
    func matches(pattern: String, type: String, matches: Bool) {
        #expect(Route(pattern: pattern, handler: .echo).matches(type) == matches)
    }

    @Test func `without configuration echo comes back and everything else goes to back ends`() {
        let routes = GatewaySettings().routes
        #expect(routes.first { $0.matches("echo") }?.handler == .echo)
        #expect(routes.first { $0.matches("order") }?.handler == .events)
    }
}
