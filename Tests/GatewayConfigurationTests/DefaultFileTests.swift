import Foundation
import Testing

@testable import GatewayConfiguration

/// The `gateway.yaml` that users get.
@Suite struct DefaultFileTests {
    private let text: String

    init() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        text = try String(contentsOf: root.appendingPathComponent("gateway.yaml"), encoding: .utf8)
    }

    /// Keys without a fixed default stand in the file as comments.
    private let commented: Set = [
        "listen.public_host", "cluster.node_id", "security.secret_key_base", "webhooks.secret", "tracing.headers",
    ]

    @Test func saysTheDefaults() throws {
        let loaded = try load(text)
        #expect(loaded.configuration == defaults)
        #expect(loaded.notices == [])
    }

    @Test func holdsEveryKey() throws {
        let loaded = try load(text)
        for setting in SettingTable.gateway.settings where !commented.contains(setting.key) {
            #expect(loaded.origin(of: setting.key)?.hasPrefix("gateway.yaml:") == true, "\(setting.key) is missing")
        }
    }

    @Test func commentedKeysCanBeUncommented() throws {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        for (index, line) in lines.enumerated() where line.hasPrefix("  # ") && line.contains(": ") {
            lines[index] = "  " + line.dropFirst(4)
        }
        let loaded = try load(lines.joined(separator: "\n"))
        for key in commented {
            #expect(loaded.origin(of: key)?.hasPrefix("gateway.yaml:") == true, "\(key) is missing")
        }
        #expect(loaded.configuration.listen.publicHost == "gateway.example.com")
        #expect(loaded.configuration.cluster.nodeID == "gateway-1")
    }

    @Test func namesEveryShortVariableBesideItsKey() {
        let lines = text.split(separator: "\n")
        for setting in SettingTable.gateway.settings {
            for variable in setting.variables where variable.name != Variable(ofKey: setting.key).name {
                let named = lines.contains { $0.contains("\(setting.name):") && $0.contains(variable.name) }
                #expect(named, "\(variable.name) does not stand beside \(setting.key)")
            }
        }
    }

    @Test func fitsAScreen() {
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 120 })
        #expect(!text.contains("\t"))
    }
}
