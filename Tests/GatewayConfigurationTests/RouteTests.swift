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
            """
        #expect(
            try load(yaml).configuration.routes == [
                Route(type: .exact("echo"), handler: .echo),
                Route(type: .prefix("chat."), handler: .topic("room:lobby")),
                Route(type: .any, handler: .topic("rest")),
            ])
        #expect(try load("routes: []").configuration.routes == [])
    }

    @Test(arguments: [
        ("routes: echo", "1: routes: expected a list of {type: …, handler: …}, found `echo`"),
        ("routes:", "1: routes: expected a list of {type: …, handler: …}, found nothing (write [] for none)"),
        ("routes:\n  - echo", "2: routes[1]: expected {type: …, handler: …}, found `echo`"),
        (
            "routes:\n  - {type: a, handler: echo}\n  - {type: a}",
            "3: routes[2]: `handler` is missing, expected echo, events or {topic: \"room:lobby\"}"
        ),
        (
            "routes:\n  - handler: echo",
            "2: routes[1]: `type` is missing, expected a message type, a prefix such as chat.* or \"*\""
        ),
        (
            "routes:\n  - type: a\n    handler: ehco",
            "3: routes[1].handler: expected echo, events or {topic: \"room:lobby\"}, found `ehco`"
        ),
        ("routes:\n  - type: a\n    hanlder: echo", "3: routes[1]: unknown key hanlder; did you mean handler?"),
        (
            "routes:\n  - type: a\n    handler:\n      webhook: http://x",
            "4: routes[1].handler: unknown key webhook; known here: topic"
        ),
        (
            "routes:\n  - type: a\n    handler: {}",
            "3: routes[1].handler: expected echo, events or {topic: \"room:lobby\"}, found a mapping"
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
