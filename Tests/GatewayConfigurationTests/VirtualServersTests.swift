import Testing

@testable import GatewayConfiguration

/// `mcp.virtual_servers`.
@Suite struct VirtualServersTests {
    @Test func everyMember() throws {
        let servers = try load(
            """
            mcp:
              virtual_servers:
                research: {servers: [search, time], allow: "get_*", deny: ["*_x"], rename: {a: b}}
                all: {}
            """
        ).configuration.mcp.virtualServers
        #expect(
            servers == [
                .init(
                    name: "research", servers: ["search", "time"], allow: ["get_*"], deny: ["*_x"], rename: ["a": "b"]),
                .init(name: "all"),
            ])
        let setting = try #require(SettingTable.gateway["mcp.virtual_servers"])
        let text = setting.shown(in: try load("mcp: {virtual_servers: {v: {deny: x}}}").configuration).yaml
        #expect(text == #"{"v": {"deny": ["x"]}}"#)
    }

    @Test(arguments: [
        (
            "3",
            "mcp.virtual_servers: expected a mapping such as {research: {servers: [search], allow: [\"search_*\"]}}, found `3`"
        ),
        ("{a b: {}}", "mcp.virtual_servers.a b: a virtual server is named by 1 to 64 characters of A-Z a-z 0-9 . _ -"),
        ("{a: {alow: x}}", "mcp.virtual_servers.a: unknown key alow; did you mean allow?"),
        ("{a: x}", "mcp.virtual_servers.a: expected a mapping with servers, allow, deny, rename, found `x`"),
        ("{a: {allow: [{}]}}", "mcp.virtual_servers.a.allow: expected a name, found a mapping"),
        ("{a: {rename: [x]}}", "mcp.virtual_servers.a.rename: expected a mapping from names to names, found a list"),
        ("{a: {rename: {x: y, z: y}}}", "mcp.virtual_servers.a.rename: two names become the same"),
    ]) func problemsAreNamed(_ value: String, _ expected: String) {
        #expect(problems("mcp: {virtual_servers: \(value)}") == ["gateway.yaml:1: " + expected])
    }
}
