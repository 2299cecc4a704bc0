import GatewayCore
import Testing

struct TraceContextTests {
    private static let example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test func `what the specification shows reads back as it stands`() throws {
        let context = try #require(TraceContext(Self.example))
        #expect(context.text == Self.example)
        #expect(context.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(context.isSampled)
        #expect(TraceContext(Self.example.dropLast(2) + "00")?.isSampled == false)
        // Flags that nobody knows yet do not matter.
        #expect(TraceContext(Self.example.dropLast(2) + "ff")?.isSampled == true)
    }

    @Test func `a later version may have more behind it`() {
        #expect(TraceContext("01" + Self.example.dropFirst(2) + "-what-comes-later") != nil)
        #expect(TraceContext("01" + Self.example.dropFirst(2)) != nil)
    }

    @Test(arguments: [
        "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more",
        "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
    ])
    func `what breaks the rules is ignored`(text: String) {
        #expect(TraceContext(text) == nil)
    }
}
