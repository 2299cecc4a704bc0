import ModelContextProtocol
import WireJSON

/// What the demonstration server offers (contract §11).
enum DemoTools {
    /// A parameter of a tool, or a member of what it answers.
    struct Member {
        let name: String
        let type: String
        var isRequired = false
    }

    struct Tool {
        let name: String
        let description: String
        let parameters: [Member]
        let output: [Member]
        var isClosed = true
    }

    static let all = [
        Tool(
            name: "echo", description: "Says what it is told",
            parameters: [Member(name: "text", type: "string", isRequired: true)],
            output: [Member(name: "text", type: "string", isRequired: true)]),
        Tool(
            name: "add", description: "Adds two numbers",
            parameters: [
                Member(name: "a", type: "number", isRequired: true),
                Member(name: "b", type: "number", isRequired: true),
            ], output: [Member(name: "sum", type: "number", isRequired: true)]),
        Tool(
            name: "slow", description: "Takes its time, and tells how far it has come",
            parameters: [Member(name: "steps", type: "integer"), Member(name: "milliseconds", type: "integer")],
            output: [Member(name: "steps", type: "integer", isRequired: true)]),
        Tool(name: "fail", description: "Always fails", parameters: [], output: []),
        Tool(
            name: "ask", description: "Asks the user, and says what the answer was",
            parameters: [Member(name: "question", type: "string")],
            output: [Member(name: "answer", type: "object", isRequired: true)], isClosed: false),
        Tool(
            name: "big", description: "Answers with as many bytes as it is told",
            parameters: [Member(name: "bytes", type: "integer")],
            output: [Member(name: "bytes", type: "integer", isRequired: true)]),
    ]

    /// The `result` of `tools/list`.
    static let list: [UInt8] = JSONWriter.object { writer in
        writer.key("tools")
        writer.array { tools in
            for tool in all {
                tools.object { writer in
                    writer.member("name", tool.name)
                    writer.member("description", tool.description)
                    writer.member("inputSchema") { schema(tool.parameters, &$0) }
                    writer.member("outputSchema") { schema(tool.output, &$0) }
                    writer.member("annotations") { hints in
                        hints.member("readOnlyHint", tool.isClosed)
                        hints.member("openWorldHint", false)
                    }
                }
            }
        }
    }

    private static func schema(_ members: [Member], _ writer: inout JSONWriter) {
        writer.member("type", "object")
        writer.member("properties") { list in
            for member in members { list.member(member.name) { $0.member("type", member.type) } }
        }
        writer.key("required")
        writer.array { list in for member in members where member.isRequired { list.value(member.name) } }
    }

    /// What is wrong with the arguments of a call; `nil` if they are as they should be.
    static func problem(_ arguments: DemoArguments, of tool: Tool) -> String? {
        for parameter in tool.parameters {
            guard let type = arguments.type(parameter.name) else {
                guard parameter.isRequired else { continue }
                return "the argument \(parameter.name) is missing: it must be of type \(parameter.type)"
            }
            let fits = type == parameter.type || type == "integer" && parameter.type == "number"
            guard fits else { return "the argument \(parameter.name) must be of type \(parameter.type), not \(type)" }
        }
        return nil
    }
}

/// The arguments of a call, as far as the demonstration needs them.
struct DemoArguments {
    private var texts: [String: String] = [:]
    private var numbers: [String: Double] = [:]
    private var types: [String: String] = [:]

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
                switch bytes[value.offset] {
                case UInt8(ascii: "\""):
                    texts[name] = RPCMessage.text(value, bytes)
                    types[name] = "string"
                case UInt8(ascii: "{"): types[name] = "object"
                case UInt8(ascii: "["): types[name] = "array"
                case UInt8(ascii: "t"), UInt8(ascii: "f"): types[name] = "boolean"
                case UInt8(ascii: "n"): types[name] = "null"
                default:
                    let number = Double(String(decoding: bytes[value.offset..<value.end], as: UTF8.self)) ?? 0
                    numbers[name] = number
                    types[name] = number == number.rounded() ? "integer" : "number"
                }
            } while try scanner.nextMember()
        } while try scanner.nextMember()
    }

    /// What JSON Schema calls the kind of an argument; `nil` if it is not given.
    func type(_ name: String) -> String? { types[name] }

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
