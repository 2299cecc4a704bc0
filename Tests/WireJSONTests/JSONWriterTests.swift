import Foundation
import Testing

@testable import WireJSON

/// Small objects, written member by member.
@Suite struct JSONWriterTests {
    private func written(_ body: (inout JSONWriter) -> Void) -> String {
        String(decoding: JSONWriter.object(body), as: UTF8.self)
    }

    @Test func anEmptyObject() { #expect(written { _ in } == "{}") }

    @Test func everyKindOfMember() {
        let text = written { writer in
            writer.member("text", "a\"b")
            writer.member("number", -7)
            writer.member("big", UInt64.max)
            writer.member("flag", true)
            writer.member("none", String?.none)
            writer.member("some", String?.some("x"))
            writer.member("object") { $0.member("inner", false) }
            writer.member("raw", raw: "[1,2]".utf8)
            writer.key("array")
            writer.array { writer in
                writer.value(1)
                writer.value("b")
                writer.null()
                writer.array { _ in }
                writer.object { $0.member("c", 3) }
            }
            writer.member("last\n", 0)
        }
        #expect(
            text == #"{"text":"a\"b","number":-7,"big":18446744073709551615,"flag":true,"none":null,"some":"x","#
                + #""object":{"inner":false},"raw":[1,2],"array":[1,"b",null,[],{"c":3}],"last\n":0}"#)
    }

    @Test(arguments: [
        (0.0, "0"), (1.0, "1"), (-1.0, "-1"), (0.5, "0.5"), (1.2344, "1.234"), (1.2356, "1.236"), (-0.001, "-0.001"),
        (0.0004, "0"),
        (99.9996, "100"), (1234567.891, "1234567.891"), (1e14, "100000000000000"), (1e15, "null"), (-1e300, "null"),
        (Double.infinity, "null"), (-Double.infinity, "null"), (Double.nan, "null"),
        (Double.leastNonzeroMagnitude, "0"),
    ])
    func numbersHaveAtMostThreeDecimals(number: Double, expected: String) {
        #expect(written { $0.member("n", number) } == "{\"n\":\(expected)}")
    }

    @Test(arguments: 0..<20)
    func numbersAreJSONAndClose(seed: Int) {
        var random = SeededGenerator(seed)
        for _ in 0..<100 {
            let magnitude = [1e-4, 1e-2, 1, 1e3, 1e6, 1e9, 1e12, 9e14][random.below(8)]
            let number = (Double(random.below(2_000_001)) / 1_000_000 - 1) * magnitude
            let text = written { $0.member("n", number) }
            #expect(complaint(text) == nil, "\(text)")
            let shown = Double(text.dropFirst(5).dropLast())
            #expect(shown.map { abs($0 - number) <= 0.000_500_1 + abs(number) * 1e-15 } == true, "\(number): \(text)")
        }
    }

    /// Random trees come back from Foundation as they went in.
    @Test(arguments: 0..<40)
    func whatIsWrittenIsReadAgain(seed: Int) throws {
        var generator = JSONGenerator(seed: seed)
        var writer = JSONWriter()
        let tree = write(&generator, &writer, depth: 0)
        let read = try JSONSerialization.jsonObject(with: Data(writer.bytes), options: [.fragmentsAllowed])
        #expect(complaint(writer.bytes) == nil)
        #expect(
            NSDictionary(dictionary: ["x": read]) == NSDictionary(dictionary: ["x": tree]),
            "seed \(seed): \(shown(writer.bytes))")
    }

    private func write(_ generator: inout JSONGenerator, _ writer: inout JSONWriter, depth: Int) -> Any {
        switch generator.random.below(depth < 4 ? 6 : 4) {
        case 0:
            let text = String(generator.randomScalar()) + generator.random.pick(["", "\n", "\"", "\\", "x"])
            writer.value(text)
            return text
        case 1:
            let number = Int(truncatingIfNeeded: generator.random.next() >> UInt64(12 + generator.random.below(50)))
            writer.value(number)
            return number
        case 2:
            let flag = generator.random.oneIn(2)
            writer.value(flag)
            return flag
        case 3:
            writer.null()
            return NSNull()
        case 4:
            var children: [Any] = []
            writer.array { writer in
                for _ in 0..<generator.random.below(4) { children.append(write(&generator, &writer, depth: depth + 1)) }
            }
            return children
        default:
            var children: [String: Any] = [:]
            writer.object { writer in
                for index in 0..<generator.random.below(4) {
                    writer.key("k\(index)")
                    children["k\(index)"] = write(&generator, &writer, depth: depth + 1)
                }
            }
            return children
        }
    }
}
