import ModelContextProtocol
import Testing

/// What a virtual server shows.
struct VirtualServerTests {
    @Test(arguments: [
        ("echo", "echo", true), ("echo", "echoes", false), ("*", "", true), ("*", "anything", true),
        ("get_*", "get_", true), ("get_*", "forget_x", false), ("*_delete", "file_delete", true),
        ("a*b", "ab", true), ("a*b", "a", false), ("ab*ba", "aba", false), ("ab*ba", "abba", true),
        ("a*b*c", "axbxbxc", true), ("a*b*c", "axc", false), ("*b*", "abc", true), ("**", "x", true), ("", "", true),
        ("", "x", false), ("é*", "été", true),
    ]) func patterns(_ pattern: String, _ name: String, _ matches: Bool) {
        #expect(NamePattern(pattern).matches(name) == matches)
    }

    @Test func denyingCountsMore() {
        let server = VirtualServer(name: "v", allow: [NamePattern("a*")], deny: [NamePattern("*x")])
        #expect(server.permits("ab") && !server.permits("ax") && !server.permits("b"))
        #expect(VirtualServer(name: "v").permits("anything"))
    }

    @Test func namesAreChosenAfterPrefixes() {
        let selection = VirtualServer(
            name: "v", allow: [NamePattern("east__*"), NamePattern("own")],
            rename: ["east__time": "now", "own": "mine"])
        let names = ExposedNames(
            [("east", ["time", "date"]), ("west", ["time", "own"])], prefix: .collision, selection: selection)
        #expect(names.place(of: "now")?.name == "time" && names.place(of: "now")?.server == 0)
        #expect(names.name(of: "time", server: 0) == "now" && names.name(of: "time", server: 1) == nil)
        #expect(names.place(of: "east__time") == nil && names.place(of: "date") == nil && names.place(of: "own") == nil)
        #expect(names.place(of: "mine")?.server == 1)
    }

    @Test(arguments: ["echo", "héllo", " edge", "edge ", "=?base64?", "tab\t", ""])
    func namesInHeaders(_ name: String) {
        let text = HeaderText.encode(name)
        #expect(text.utf8.allSatisfy { (0x20...0x7E).contains($0) } && HeaderText.decode(text) == name)
    }
}
