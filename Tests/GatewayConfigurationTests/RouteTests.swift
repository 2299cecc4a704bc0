import Testing

@testable import GatewayConfiguration

@Suite struct RouteTests {
    @Test func entriesAreTyped() throws {
        let yaml = """
            routes:
              - { type: echo, handler: echo }
              - { type: chat.*, handler: { topic: "room:lobby" } }
              - type: "*"
                handler:
                  topic: rest
              - { type: order, handler: { webhook: "http://127.0.0.1:9000/orders", timeout: 2s } }
              - { type: quote, handler: { webhook: "https://example.com/quotes" } }
              - { type: ask, handler: { mcp: { server: time, tool: get_current_time }, timeout: 5s } }
              - { type: add, handler: { mcp: { tool: "a b", server: demo } } }
            """
        #expect(
            try load(yaml).configuration.routes == [
                Route(type: .exact("echo"), handler: .echo),
                Route(type: .prefix("chat."), handler: .topic("room:lobby")),
                Route(type: .any, handler: .topic("rest")),
                Route(type: .exact("order"), handler: .webhook("http://127.0.0.1:9000/orders", timeout: .seconds(2))),
                Route(type: .exact("quote"), handler: .webhook("https://example.com/quotes", timeout: nil)),
                Route(
                    type: .exact("ask"), handler: .tool("get_current_time", server: "time", timeout: .seconds(5))),
                Route(type: .exact("add"), handler: .tool("a b", server: "demo", timeout: nil)),
            ])
        #expect(try load("routes: []").configuration.routes == [])
    }

    @Test(arguments: [
        ("routes: echo", "1: routes: expected a list of {type: …, handler: …}, found `echo`"),
        ("routes:", "1: routes: expected a list of {type: …, handler: …}, found nothing (write [] for none)"),
        ("routes:\n  - echo", "2: routes[1]: expected {type: …, handler: …}, found `echo`"),
        (
            "routes:\n  - {type: a, handler: echo}\n  - {type: a}",
            "3: routes[2]: `handler` is missing, expected echo, events, {topic: \"room:lobby\"}, {webhook: \"http://…\"} or {mcp: {server: …, tool: …}}"
        ),
        (
            "routes:\n  - handler: echo",
            "2: routes[1]: `type` is missing, expected a message type, a prefix such as chat.* or \"*\""
        ),
        (
            "routes:\n  - type: a\n    handler: ehco",
            "3: routes[1].handler: expected echo, events, {topic: \"room:lobby\"}, {webhook: \"http://…\"} or {mcp: {server: …, tool: …}}, found `ehco`"
        ),
        ("routes:\n  - type: a\n    hanlder: echo", "3: routes[1]: unknown key hanlder; did you mean handler?"),
        (
            "routes:\n  - type: a\n    handler:\n      webhok: http://x",
            "4: routes[1].handler: unknown key webhok; did you mean webhook?"
        ),
        (
            "routes:\n  - type: a\n    handler:\n      webhook: ftp://x",
            "4: routes[1].handler.webhook: expected a URL that begins with http:// or https://, found `ftp://x`"
        ),
        (
            "routes:\n  - type: a\n    handler: {webhook: 'http://x', timeout: long}",
            "3: routes[1].handler.timeout: expected a duration from 10ms to 1h, such as 500ms, 30s or 5m (a bare number is milliseconds), found `long`"
        ),
        (
            "routes:\n  - type: a\n    handler: {mcp: {server: time}}",
            "3: routes[1].handler.mcp: expected {server: …, tool: …}, found a mapping"
        ),
        (
            "routes:\n  - type: a\n    handler: {mcp: {server: time, tol: x}}",
            "3: routes[1].handler.mcp: unknown key tol; did you mean tool?"
        ),
        (
            "routes:\n  - type: a\n    handler: {}",
            "3: routes[1].handler: expected echo, events, {topic: \"room:lobby\"}, {webhook: \"http://…\"} or {mcp: {server: …, tool: …}}, found a mapping"
        ),
        (
            "routes:\n  - type: a\n    handler: {topic: []}",
            "3: routes[1].handler.topic: expected the name of a topic, found a list"
        ),
        (
            "routes:\n  - type: a\n    handler: {topic: ''}",
            "3: routes[1].handler.topic: expected the name of a topic, found \"\""
        ),
        (
            "routes:\n  - type: 'a*'\n    handler: echo",
            "2: routes[1].type: expected a message type, a prefix such as chat.* or \"*\", found \"a*\""
        ),
        (
            "routes:\n  - handler: echo\n    type: .*",
            "3: routes[1].type: expected a message type, a prefix such as chat.* or \"*\", found `.*`"
        ),
        (
            "routes:\n  - {type: [a], handler: echo}",
            "2: routes[1].type: expected a message type, a prefix such as chat.* or \"*\", found a list"
        ),
    ])
    func problemsNameTheLineOfTheEntry(yaml: String, expected: String) {
        #expect(problems(yaml) == ["gateway.yaml:" + expected])
    }

    @Test func patternsMatch() {
        #expect(Route.Pattern.exact("chat").matches("chat"))
        #expect(!Route.Pattern.exact("chat").matches("chat.a"))
        #expect(Route.Pattern.prefix("chat.").matches("chat.a.b"))
        #expect(!Route.Pattern.prefix("chat.").matches("chat"))
        #expect(!Route.Pattern.prefix("chat.").matches("chatter"))
        #expect(Route.Pattern.any.matches("x"))
    }
}
