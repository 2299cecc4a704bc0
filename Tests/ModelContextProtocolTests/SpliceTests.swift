import ModelContextProtocol
import NIOCore
import Testing
import WireJSON

@Suite struct SpliceTests {
    /// The same, the slow way: one place after the other, from behind.
    private static func expected(_ text: [UInt8], _ edits: [(span: JSONSpan, text: [UInt8])]) -> [UInt8] {
        var text = text
        for edit in edits.sorted(by: { $0.span.offset > $1.span.offset }) {
            text.replaceSubrange(edit.span.offset..<edit.span.end, with: edit.text)
        }
        return text
    }

    @Test func `Places are replaced in any order, however many there are`() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let text = (0..<Int.random(in: 0...60, using: &generator)).map { UInt8(33 + $0) }
            // Places that do not overlap: between cuts, every other one.
            let cuts = Set((0..<Int.random(in: 0...12)).map { _ in Int.random(in: 0...text.count, using: &generator) })
                .sorted()
            var edits: [(span: JSONSpan, text: [UInt8])] = []
            var splice = Splice()
            for index in stride(from: 0, to: cuts.count - 1, by: 2) {
                let span = JSONSpan(offset: cuts[index], length: cuts[index + 1] - cuts[index])
                let number = Int.random(in: .min ... .max, using: &generator)
                edits.append((span, Array(String(number).utf8)))
            }
            for edit in edits.shuffled(using: &generator) {
                if Bool.random() {
                    splice.replace(edit.span, with: edit.text)
                } else {
                    splice.replace(edit.span, with: Int(String(decoding: edit.text, as: UTF8.self)) ?? 0)
                }
            }
            let result = text.withUnsafeBytes { splice.apply(to: $0) }
            #expect(Array(result.readableBytesView) == Self.expected(text, edits))
        }
    }

    @Test func `What is put in front of a place stands there`() {
        var splice = Splice()
        splice.insert(Array("b".utf8), at: 1)
        splice.replace(JSONSpan(offset: 2, length: 1), with: 7)
        splice.replace(JSONSpan(offset: 0, length: 1), with: Array("A".utf8))
        let result = Array("acx".utf8).withUnsafeBytes { splice.apply(to: $0) }
        #expect(String(buffer: result) == "Abc7")
    }
}
