import Testing

@testable import GatewayConfiguration

/// `mcpServers`, as desktop MCP clients write it.
@Suite struct MCPServersTests {
    @Test func programsAndURLs() throws {
        let servers = try load(
            """
            mcpServers:
              time: {command: uvx, args: [mcp-server-time, 7], env: {A: "b"}, cwd: /tmp}
              search: {url: "http://10.0.0.5:8080/mcp", headers: {Authorization: x}, stateless: true, type: http}
            """
        ).configuration.mcpServers
        #expect(
            servers == [
                .init(
                    name: "time",
                    target: .command(
                        "uvx", arguments: ["mcp-server-time", "7"], environment: ["A": "b"], directory: "/tmp")),
                .init(
                    name: "search",
                    target: .url([.init(url: "http://10.0.0.5:8080/mcp")], headers: ["Authorization": "x"]),
                    isStateless: true),
            ])
    }

    @Test func replicas() throws {
        let servers = try load(
            """
            mcpServers:
              a: {replicas: [{url: "http://a/mcp", weight: 2}, "http://b/mcp"], pool: {size: 20, overflow: 10}}
              b: {url: "http://old/sse", type: sse}
            """
        ).configuration.mcpServers
        #expect(
            servers[0].target
                == .url([.init(url: "http://a/mcp", weight: 2), .init(url: "http://b/mcp")], headers: [:]))
        #expect(servers[0].poolSize == 20 && servers[0].poolOverflow == 10)
        #expect(!servers[0].isEventStream && servers[1].isEventStream)
        // What is shown can be read again.
        let setting = try #require(SettingTable.gateway["mcpServers"])
        let loaded = try load(
            """
            mcpServers:
              a: {replicas: [{url: "http://a/mcp", weight: 2}, "http://b/mcp"], pool: {size: 20, overflow: 10}}
            """)
        let again = try load("mcpServers: \(setting.shown(in: loaded.configuration).yaml)")
        #expect(again.configuration.mcpServers == loaded.configuration.mcpServers)
    }

    @Test func aWholeFileOfADesktopClient() throws {
        let text = #"{"globalShortcut": "", "mcpServers": {"time": {"command": "uvx"}}}"#
        let loaded = try GatewayConfiguration.load(
            ConfigurationSources(environment: [:], flags: [("mcpServers", text, "--mcp-servers")]))
        #expect(loaded.configuration.mcpServers.map(\.name) == ["time"])
    }

    @Test(arguments: [
        (
            "3",
            "gateway.yaml:1: mcpServers: expected a mapping such as {time: {command: uvx, args: [mcp-server-time]}}, found `3`"
        ),
        ("{a: {}}", "gateway.yaml:1: mcpServers.a: expected command or url"),
        ("{a: {comand: x}}", "gateway.yaml:1: mcpServers.a: unknown key comand; did you mean command?"),
        (
            "{a: {url: 'ftp://x'}}",
            "gateway.yaml:1: mcpServers.a: expected a URL that begins with http:// or https://, found \"ftp://x\""
        ),
        ("{a: {replicas: []}}", "gateway.yaml:1: mcpServers.a.replicas: expected a list of {url, weight}"),
        (
            "{a: {replicas: ['http://x', 'http://x']}}",
            "gateway.yaml:1: mcpServers.a.replicas: an address stands there twice"
        ),
        (
            "{a: {url: 'http://x', pool: {sise: 1}}}",
            "gateway.yaml:1: mcpServers.a.pool: unknown key sise; known here: size, overflow"
        ),
        ("{a: {command: x, args: y}}", "gateway.yaml:1: mcpServers.a: expected a list of arguments, found `y`"),
        (
            "{a: {command: x, env: [y]}}",
            "gateway.yaml:1: mcpServers.a.env: expected a mapping of names to texts, found a list"
        ),
        (
            "{'a b': {command: x}}",
            "gateway.yaml:1: mcpServers.a b: a server is named by 1 to 64 characters of A-Z a-z 0-9 . _ -"
        ),
    ]) func problemsAreNamed(_ value: String, _ expected: String) {
        #expect(problems("mcpServers: \(value)") == [expected])
    }

    @Test func secretsAreNotShown() throws {
        let loaded = try load("mcpServers: {a: {url: 'http://x', headers: {Authorization: 'Bearer s3cret'}}}")
        let setting = try #require(SettingTable.gateway["mcpServers"])
        let shown = setting.shown(in: loaded.configuration)
        #expect(!shown.yaml.contains("s3cret") && shown.yaml.contains("Authorization"))
    }
}
