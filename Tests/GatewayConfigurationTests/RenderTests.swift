import Foundation
import Testing

@testable import GatewayConfiguration

@Suite struct RenderTests {
    private let loaded: LoadedConfiguration

    init() throws {
        loaded = try load(
            """
            transports:
              websocket: {max_frame_size: 3000}
            routes:
              - {type: "*", handler: {topic: "room:a b"}}
            """,
            environment: ["MCP_SSE_PORT": "5001", "MCP_CORS_ORIGIN": "https://a.example,http://localhost:3000"],
            flags: [("transports.http.port", "0", "--port"), ("rate_limiting.refill_rate", "2.5", "--set")])
    }

    @Test func textNamesEachOrigin() {
        let lines = loaded.render(json: false).split(separator: "\n").map {
            $0.split(separator: "  # ").map { trimmed($0) }
        }
        let expected = [
            ["port: 0", "--port"], ["port: 5001", "MCP_SSE_PORT"], ["port: 4002", "default"],
            ["max_frame_size: 3000", "gateway.yaml:2"],
            ["host: [127.0.0.1, \"::1\"]", "default"], ["refill_rate: 2.5", "--set"], ["transports:"],
            ["offline_ttl: 24h", "default"],
            ["origin: [https://a.example, http://localhost:3000]", "MCP_CORS_ORIGIN"],
            ["routes: [{type: \"*\", handler: {topic: \"room:a b\"}}]", "gateway.yaml:3"],
            ["public_host: ~", "default"],
        ]
        for line in expected { #expect(lines.contains(line), "\(line)") }
    }

    @Test func textLoadsAsTheSameConfiguration() throws {
        #expect(try load(loaded.render(json: false)).configuration == loaded.configuration)
        #expect(try load(try load().render(json: false)).configuration == defaults)
    }

    @Test func jsonIsAnObjectOfKeys() throws {
        let object = try JSONSerialization.jsonObject(with: Data(loaded.render(json: true).utf8))
        let settings = try #require(object as? [String: [String: Any]])
        #expect(settings.count == SettingTable.gateway.settings.count)
        func setting<Value>(_ key: String, as: Value.Type) -> Value? { settings[key]?["value"] as? Value }
        #expect(setting("transports.http.port", as: Int.self) == 0)
        #expect(setting("session.offline_ttl", as: Int.self) == 86_400_000)
        #expect(setting("session.log_bytes", as: Int.self) == 1 << 20)
        #expect(setting("rate_limiting.refill_rate", as: Double.self) == 2.5)
        #expect(setting("transports.websocket.tcp_nodelay", as: Bool.self) == true)
        #expect(setting("cors.origin", as: [String].self) == ["https://a.example", "http://localhost:3000"])
        #expect(settings["listen.public_host"]?["value"] is NSNull)
        #expect(settings["transports.http.port"]?["origin"] as? String == "--port")
        let routes = try #require(setting("routes", as: [[String: Any]].self))
        #expect(routes.first?["type"] as? String == "*")
        #expect(routes.first?["handler"] as? [String: String] == ["topic": "room:a b"])
    }

    @Test func jsonIsWrittenInTableOrder() {
        let lines = loaded.render(json: true).split(separator: "\n")
        #expect(lines.first == "{")
        #expect(lines[3] == #"  "listen.event_loops": {"value": 0, "origin": "default"},"#)
        #expect(lines.last == "}")
    }

    @Test(arguments: 0..<100) func anyRouteReadsBack(seed: Int) throws {
        var random = SeededGenerator(seed)
        let pieces = [
            "a", ".", ":", " ", "\"", "\\", "'", "#", "{", "]", ",", "-", "é", "\u{85}", "\u{2028}", "null", "~", "*",
            "?", "&", "!", "%", "@", "👍",
        ]
        func text() -> String {
            (0..<Int.random(in: 1...6, using: &random)).map { _ in pieces.randomElement(using: &random)! }.joined()
        }
        // Control characters are refused in names.
        func name() -> String { text().withoutControlCharacters }
        let routes = (0..<3).compactMap { _ in Route.Pattern(name()).map { Route(type: $0, handler: .topic(name())) } }
        let shown = SettingKind.routes.show(routes)
        #expect(try load("routes: \(shown.yaml)").configuration.routes == routes, "\(shown.yaml)")
        #expect(try load("routes: \(shown.json)").configuration.routes == routes)
        #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(shown.json.utf8)) }
    }

    private func trimmed(_ text: Substring) -> String { text.trimmingCharacters(in: .whitespaces) }
}

/// A setting that is marked secret shows nowhere; no setting of this version is.
@Suite struct SecretTests {
    private let table = SettingTable(
        [Setting("security.name", \.cluster.nodeID, .nodeID, "A secret", isSecret: true)], foreign: .gateway)

    @Test func aSecretIsHiddenWhereverItComesFrom() throws {
        for loaded in [
            try load("security: {name: hush}", table: table),
            try load(environment: ["MCP_SECURITY_NAME": "hush"], table: table),
            try load(flags: [("security.name", "hush", "--name")], table: table),
        ] {
            #expect(loaded.configuration.cluster.nodeID == "hush")
            for text in [loaded.render(json: false), loaded.render(json: true)] {
                #expect(!text.contains("hush"))
                #expect(text.contains("\"********\""))
            }
        }
        #expect(
            try load(environment: ["MCP_SECURITY_NAME": "hush"], table: table).render(json: true).contains(
                "\"origin\": \"MCP_SECURITY_NAME\""))
    }

    @Test func aRefusedSecretIsNotRepeated() {
        let message = "security.name: expected 1 to 64 characters of A-Z a-z 0-9 . _ -, found another value"
        #expect(problems("security: {name: hu sh}", table: table) == ["gateway.yaml:1: \(message)"])
        #expect(
            problems(environment: ["MCP_SECURITY_NAME": "hu sh"], table: table) == ["MCP_SECURITY_NAME: \(message)"])
    }
}
