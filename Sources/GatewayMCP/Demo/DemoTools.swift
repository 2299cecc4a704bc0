import ModelContextProtocol
import WireJSON

/// What the demonstration server offers (contract §11).
enum DemoTools {
    /// The `result` of `tools/list`.
    static let list: [UInt8] = JSONWriter.object { writer in
        writer.key("tools")
        writer.array { tools in
            tool(&tools, "echo", "Says what it is told", [("text", "string")], required: ["text"])
            tool(&tools, "add", "Adds two numbers", [("a", "number"), ("b", "number")], required: ["a", "b"])
            tool(
                &tools, "slow", "Takes its time, and tells how far it has come",
                [("steps", "integer"), ("milliseconds", "integer")])
            tool(&tools, "fail", "Always fails", [])
            tool(
                &tools, "ask", "Asks the user, and says what the answer was", [("question", "string")], isClosed: false)
            tool(&tools, "big", "Answers with as many bytes as it is told", [("bytes", "integer")])
        }
    }

    private static func tool(
        _ writer: inout JSONWriter, _ name: String, _ description: String, _ properties: [(String, String)],
        required: [String] = [], isClosed: Bool = true
    ) {
        writer.object { tool in
            tool.member("name", name)
            tool.member("description", description)
            tool.member("inputSchema") { schema in
                schema.member("type", "object")
                schema.member("properties") { list in
                    for (name, type) in properties { list.member(name) { $0.member("type", type) } }
                }
                schema.key("required")
                schema.array { list in for name in required { list.value(name) } }
            }
            tool.member("annotations") { hints in
                hints.member("readOnlyHint", isClosed)
                hints.member("openWorldHint", false)
            }
        }
    }
}

/// The arguments of a call, as far as the demonstration needs them.
struct DemoArguments {
    private var texts: [String: String] = [:]
    private var numbers: [String: Double] = [:]

    init(_ bytes: UnsafeRawBufferPointer, _ params: JSONSpan?) {
        guard let params else { return }
        let inner = UnsafeRawBufferPointer(rebasing: bytes[params.offset..<params.end])
        var scanner = JSONScanner(inner, maxDepth: 64)
        // The message has been checked: nothing in it can be wrong any more.
        try? read(&scanner, inner)
    }

    private mutating func read(_ scanner: inout JSONScanner, _ bytes: UnsafeRawBufferPointer) throws(JSONError) {
        guard try scanner.beginObject() else { return }
        repeat {
            let key = RPCMessage.text(try scanner.key(), bytes)
            guard key == "arguments", try scanner.peek() == UInt8(ascii: "{") else {
                _ = try scanner.value()
                continue
            }
            guard try scanner.beginObject() else { continue }
            repeat {
                let name = RPCMessage.text(try scanner.key(), bytes)
                let value = try scanner.value()
                if bytes[value.offset] == UInt8(ascii: "\"") {
                    texts[name] = RPCMessage.text(value, bytes)
                } else {
                    numbers[name] = Double(String(decoding: bytes[value.offset..<value.end], as: UTF8.self))
                }
            } while try scanner.nextMember()
        } while try scanner.nextMember()
    }

    func text(_ name: String) -> String? { texts[name] }

    func number(_ name: String) -> Double? { numbers[name] }

    /// A whole number, brought into its bounds.
    func integer(_ name: String, _ bounds: ClosedRange<Int>) -> Int? {
        guard let number = numbers[name] else { return nil }
        return Int(min(max(number, Double(bounds.lowerBound)), Double(bounds.upperBound)))
    }

    /// Whole numbers without a point.
    static func written(_ number: Double) -> String {
        number == number.rounded() && abs(number) < 1e15 ? String(Int64(number)) : String(number)
    }
}

/// What a call brings that comes again with the answer to a question (2026-07-28).
struct DemoRetry {
    /// JSON text of what the client said.
    private(set) var response: String?

    init(_ bytes: UnsafeRawBufferPointer, _ params: JSONSpan) {
        let inner = UnsafeRawBufferPointer(rebasing: bytes[params.offset..<params.end])
        var scanner = JSONScanner(inner, maxDepth: 64)
        // The message has been checked: nothing in it can be wrong any more.
        try? read(&scanner, inner)
    }

    private mutating func read(_ scanner: inout JSONScanner, _ bytes: UnsafeRawBufferPointer) throws(JSONError) {
        guard try scanner.beginObject() else { return }
        repeat {
            let key = RPCMessage.text(try scanner.key(), bytes)
            guard key == "inputResponses", try scanner.peek() == UInt8(ascii: "{") else {
                _ = try scanner.value()
                continue
            }
            guard try scanner.beginObject() else { continue }
            repeat {
                let name = RPCMessage.text(try scanner.key(), bytes)
                let value = try scanner.value()
                if name == "answer" { response = String(decoding: bytes[value.offset..<value.end], as: UTF8.self) }
            } while try scanner.nextMember()
        } while try scanner.nextMember()
    }
}
