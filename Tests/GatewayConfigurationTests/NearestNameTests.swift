import Testing

@testable import GatewayConfiguration

@Suite struct NearestNameTests {
    @Test(arguments: [
        ("", "", 0), ("abc", "", 3), ("", "abc", 3), ("port", "prot", 1), ("port", "ports", 1), ("port", "por", 1),
        ("port", "part", 1),
        ("kitten", "sitting", 3), ("ca", "abc", 3),
    ])
    func distance(left: String, right: String, expected: Int) {
        #expect(NearestName.distance(Array(left), Array(right)) == expected)
        #expect(NearestName.distance(Array(right), Array(left)) == expected)
    }

    @Test func onlyNearNamesAreNamed() {
        let names = ["port", "max_connections", "heartbeat_interval"]
        #expect(NearestName.of("prt", among: names) == "port")
        #expect(NearestName.of("maxConnections", among: names) == "max_connections")
        #expect(NearestName.of("hartbeat_intervall", among: names) == "heartbeat_interval")
        #expect(NearestName.of("pool", among: names) == nil)
        #expect(NearestName.of("x", among: names) == nil)
    }
}
