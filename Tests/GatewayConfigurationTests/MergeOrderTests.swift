import Testing

@testable import GatewayConfiguration

@Suite struct MergeOrderTests {
    private let key = "transports.http_sse.port"
    private let yaml = "\ntransports:\n  http_sse:\n    port: 1001\n"

    @Test func defaultsThenFileThenEnvironmentThenFlags() throws {
        let environment = ["MCP_SSE_PORT": "1002"]
        let flags = [(key: key, value: "1003", flag: "--sse-port")]
        let steps = [
            (try load(), 4001, "default"),
            (try load(yaml), 1001, "gateway.yaml:4"),
            (try load(yaml, environment: environment), 1002, "MCP_SSE_PORT"),
            (try load(yaml, environment: environment, flags: flags), 1003, "--sse-port"),
            (try load(flags: flags), 1003, "--sse-port"),
        ]
        for (loaded, port, origin) in steps {
            #expect(loaded.configuration.transports.httpSSE.port == port)
            #expect(loaded.origin(of: key) == origin)
        }
    }

    @Test func theLastOfSeveralFlagsWins() throws {
        let loaded = try load(flags: [(key, "1", "--sse-port"), (key, "2", "--set")])
        #expect(loaded.configuration.transports.httpSSE.port == 2)
        #expect(loaded.origin(of: key) == "--set")
    }

    @Test func flagsMayUseAliasesAndAreChecked() throws {
        #expect(try load(flags: [("http_sse.port", "7", "--set")]).configuration.transports.httpSSE.port == 7)
        #expect(
            problems(flags: [("http_sse.prot", "7", "--set")]) == [
                "--set: unknown key transports.http_sse.prot; did you mean transports.http_sse.port?"
            ])
    }

    @Test func aBadValueIsAnErrorEvenWhenItIsOverridden() {
        #expect(
            problems("debug: 2", environment: ["MCP_DEBUG": "true"]) == [
                "gateway.yaml:1: debug: expected true or false, found `2`"
            ])
    }

    @Test func anUnknownKeyHasNoOrigin() throws {
        #expect(try load().origin(of: "transports") == nil)
    }

    @Test func theHostNameGivenIsTheDefaultOnly() throws {
        #expect(try load().configuration.cluster.nodeID == "n1")
        #expect(try load("cluster: {node_id: n2}").configuration.cluster.nodeID == "n2")
        #expect(try GatewayConfiguration.load(ConfigurationSources()).configuration == GatewayConfiguration())
    }
}
