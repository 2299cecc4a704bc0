import Testing

@testable import PhoenixProtocol

/// The parameter `vsn` (contract §5): absent or 1.x is version 1, 2.x is version 2, anything else is refused.
@Suite struct VersionTests {
    @Test func absentIsOne() { #expect(PhoenixVersion(parameter: nil) == .v1) }

    @Test(arguments: ["1.0.0", "1.0", "1.0.7", "1.1.0", "1.99.12345"])
    func one(text: String) { #expect(PhoenixVersion(parameter: text) == .v1) }

    @Test(arguments: ["2.0.0", "2.0", "2.0.1", "2.1.0"])
    func two(text: String) { #expect(PhoenixVersion(parameter: text) == .v2) }

    @Test(arguments: [
        "", " ", "0.9.0", "3.0.0", "10.0.0", "20.0.0", "2.0.0 ", " 2.0.0", "v2.0.0", "2.", ".2", "2..0", "2.0.",
        "2.0.0.0", "2.x", "2.0.0-rc.1",
        "-2.0.0", "+2.0.0", "2,0", "2.0.0\n", "2.0.123456", "abc", "２.0.0", "02.0.0", "1e0.0",
    ])
    func anythingElseIsRefused(text: String) { #expect(PhoenixVersion(parameter: text) == nil) }
}
