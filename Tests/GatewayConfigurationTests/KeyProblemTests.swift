import Testing

@testable import GatewayConfiguration

/// Keys that do not exist and values that are not what their key wants.
@Suite struct KeyProblemTests {
    @Test(arguments: [
        ("debgu: true", "gateway.yaml:1: unknown key debgu; did you mean debug?"),
        (
            "transports:\n  htpp:\n    port: 1",
            "gateway.yaml:2: unknown key transports.htpp; did you mean transports.http?"
        ),
        (
            "transports:\n  http:\n    prot: 1",
            "gateway.yaml:3: unknown key transports.http.prot; did you mean transports.http.port?"
        ),
        (
            "heartbeat_interval: 1s",
            "gateway.yaml:1: unknown key heartbeat_interval; did you mean transports.http_sse.heartbeat_interval?"
        ),
        ("transport: {}", "gateway.yaml:1: unknown key transport; did you mean transports?"),
        ("json:\n  quite_another: 1", "gateway.yaml:2: unknown key json.quite_another; known here: max_depth"),
        ("Debug: true", "gateway.yaml:1: unknown key Debug; did you mean debug?"),
    ])
    func unknownKeys(yaml: String, expected: String) {
        #expect(problems(yaml) == [expected])
    }

    @Test func aStrangeKeyIsToldWhatThereIs() {
        let names = SettingTable.gateway.names(within: nil).joined(separator: ", ")
        #expect(problems("quarry:\n  size: 1") == ["gateway.yaml:1: unknown key quarry; known here: \(names)"])
    }

    @Test(arguments: [
        ("- debug", "a list", ""), ("debug", "`debug`", ""),
        ("debug:true", "`debug:true`", " (is a space missing after the colon?)"),
    ])
    func theTopLevelMustBeAMapping(yaml: String, found: String, hint: String) {
        let names = SettingTable.gateway.names(within: nil).joined(separator: ", ")
        #expect(problems(yaml) == ["gateway.yaml:1: expected a mapping of keys (\(names)), found \(found)\(hint)"])
    }

    @Test(arguments: [
        (
            "log: debug",
            "gateway.yaml:1: log: expected a mapping of keys (level, format), found `debug`"
        ),
        (
            "log:\n  level:debug",
            "gateway.yaml:1: log: expected a mapping of keys (level, format), found `level:debug` "
                + "(is a space missing after the colon?)"
        ),
        (
            "transports:\n  http:\n    - port",
            "gateway.yaml:2: transports.http: expected a mapping of keys (port, max_connections, tls), found a list"
        ),
        (
            "transports:\n  http:\n    port: \"4000\"",
            "gateway.yaml:3: transports.http.port: expected an integer from 0 to 65535, found \"4000\" (write it without quotes)"
        ),
        (
            "transports:\n  http:\n    port: abc",
            "gateway.yaml:3: transports.http.port: expected an integer from 0 to 65535, found `abc`"
        ),
        (
            "transports:\n  http:\n    port: 65536",
            "gateway.yaml:3: transports.http.port: expected an integer from 0 to 65535, found `65536`"
        ),
        (
            "transports:\n  http:\n    port:\n      - 1",
            "gateway.yaml:3: transports.http.port: expected an integer from 0 to 65535, found a list"
        ),
        (
            "transports:\n  http:\n    port: {a: 1}",
            "gateway.yaml:3: transports.http.port: expected an integer from 0 to 65535, found a mapping"
        ),
        (
            "transports:\n  http:\n    port:\n",
            "gateway.yaml:3: transports.http.port: expected an integer from 0 to 65535, found nothing"
        ),
        (
            "debug: maybe",
            "gateway.yaml:1: debug: expected true or false, found `maybe`"
        ),
        ("debug: 1", "gateway.yaml:1: debug: expected true or false, found `1`"),
        ("debug: 'true'", "gateway.yaml:1: debug: expected true or false, found \"true\" (write it without quotes)"),
        (
            "session:\n\n  retention: 5 minutes",
            "gateway.yaml:3: session.retention: expected a duration from 0s to 168h, such as 500ms, 30s or 5m "
                + "(a bare number is milliseconds), found `5 minutes`"
        ),
        (
            "transports: {websocket: {max_frame_size: 100}}",
            "gateway.yaml:1: transports.websocket.max_frame_size: expected a size from 125 to 16MiB, such as 65536, 64KiB or "
                + "1MiB (a bare number is bytes), found `100`"
        ),
        (
            "rate_limiting:\n  refill_rate: 0.5",
            "gateway.yaml:2: rate_limiting.refill_rate: expected a number from 1 to 1000000, found `0.5`"
        ),
        (
            "log:\n  level: waring",
            "gateway.yaml:2: log.level: expected one of trace, debug, info, notice, warning, error, found `waring` "
                + "(did you mean warning?)"
        ),
        ("storage:\n  engine: redis", "gateway.yaml:2: storage.engine: expected one of memory, sqlite, found `redis`"),
        (
            "cluster:\n  node_id: a b",
            "gateway.yaml:2: cluster.node_id: expected 1 to 64 characters of A-Z a-z 0-9 . _ -, found `a b`"
        ),
        (
            "listen:\n  host:\n    - 127.0.0.1\n    - 127.0.0.256",
            "gateway.yaml:4: listen.host[2]: expected an IP address or a host name, found `127.0.0.256`"
        ),
        (
            "listen: {host: []}",
            "gateway.yaml:1: listen.host: expected an IP address, a host name or a list of them, found an empty list"
        ),
        (
            "cors:\n  origin: [https://a.example, a.example]",
            "gateway.yaml:2: cors.origin[2]: expected an origin such as https://app.example.com, found `a.example`"
        ),
        (
            "cors:\n  origin:",
            "gateway.yaml:2: cors.origin: expected an origin such as https://app.example.com or a list of them, "
                + "found nothing (write [] for none)"
        ),
    ])
    func wrongValues(yaml: String, expected: String) {
        #expect(problems(yaml) == [expected])
    }

    @Test func allProblemsAreReportedInOrder() {
        let found = problems(
            "debgu: true\nlog:\n  level: loud\ndebug: true\ndebug: true",
            environment: ["MCP_SSE_PORT": "x"],
            flags: [("transports.http.port", "-1", "--port"), ("nonsense", "1", "--set")])
        #expect(
            found.map { String($0.prefix { $0 != " " }) } == [
                "gateway.yaml:1:", "gateway.yaml:3:", "gateway.yaml:5:", "MCP_SSE_PORT:", "--port:", "--set:",
            ])
        #expect(found[4] == "--port: transports.http.port: expected an integer from 0 to 65535, found `-1`")
    }

    @Test func dottedKeysAreKeys() throws {
        let loaded = try load("transports.http.port: 5000\ntransports:\n  http_sse.port: 5001")
        #expect(loaded.configuration.transports.http.port == 5000)
        #expect(loaded.configuration.transports.httpSSE.port == 5001)
        #expect(
            problems("transports.http.port: 5000\ntransports:\n  http:\n    port: 5001")
                == ["gateway.yaml:4: transports.http.port: given twice, first at gateway.yaml:1"])
    }

    @Test func whatIsFoundStaysOneShortLine() {
        let found = problems("cluster:\n  node_id: |\n    \(String(repeating: "x", count: 200))\n    y")
        #expect(found.count == 1)
        #expect(found[0].count < 200)
    }

    @Test func theErrorIsStructured() {
        #expect(
            throws: ConfigurationError(problems: [
                .init(place: "gateway.yaml:1", key: "debug", message: "expected true or false, found `2`")
            ])
        ) {
            try load("debug: 2")
        }
    }
}
