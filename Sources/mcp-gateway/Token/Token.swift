import ArgumentParser
import GatewayCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `mcp-gateway token`
struct Token: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Makes, shows and revokes tokens.",
        discussion: """
            mcp-gateway token mint alice --can subscribe:room:* --can publish:room:123 --lifetime 3600
            mcp-gateway token inspect TOKEN
            mcp-gateway token revoke --id JTI
            """,
        subcommands: [Mint.self, Inspect.self, Revoke.self])

    /// The time of day, to the second, as tokens count it.
    static var now: Timestamp { Timestamp(milliseconds: Int64(Date().timeIntervalSince1970) * 1000) }
}
