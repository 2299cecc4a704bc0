import Testing

@testable import WireJSON

/// Nesting is bounded, so that no text can exhaust the stack.
@Suite struct DepthTests {
    private func nested(_ depth: Int, _ kind: Int) -> String {
        var text = ""
        for level in 0..<depth { text += kind == 0 || kind == 2 && level % 2 == 0 ? "[" : #"{"a":"# }
        text += "1"
        for level in (0..<depth).reversed() { text += kind == 0 || kind == 2 && level % 2 == 0 ? "]" : "}" }
        return text
    }

    @Test(arguments: 0..<3)
    func theBoundIsExact(kind: Int) {
        for limit in [0, 1, 2, 16, 64] {
            #expect(complaint(nested(limit, kind), maxDepth: limit) == nil)
            let offset = (0..<limit).reduce(0) { $0 + (kind == 0 || kind == 2 && $1 % 2 == 0 ? 1 : 5) }
            #expect(complaint(nested(limit + 1, kind), maxDepth: limit) == .tooDeep(offset: offset))
        }
    }

    @Test func aMillionBracketsAreRefusedAtTheBound() {
        #expect(complaint([UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)) == .tooDeep(offset: 64))
        #expect(complaint(Array(String(repeating: #"{"":"#, count: 100_000).utf8)) == .tooDeep(offset: 256))
    }

    @Test func widthIsNotDepth() {
        let text = "[" + Array(repeating: "[]", count: 1000).joined(separator: ",") + "]"
        #expect(complaint(text, maxDepth: 2) == nil)
    }
}
