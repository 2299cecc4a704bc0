import WireJSON

/// An argument of a tool that a request repeats in a header (2026-07-28), as `x-mcp-header` of the tool's schema says, so
/// that what stands in between can route by it without reading the body.
public struct ParameterHeader: Equatable, Sendable {
    /// What stands in front of each.
    public static let prefix = "mcp-param-"

    /// The header's name in lower case, with the prefix.
    public let name: String
    /// The way to the argument: the names of members, one inside the other.
    public let path: [String]

    /// Reads a tool's `inputSchema`.
    static func read(_ schema: UnsafeRawBufferPointer) -> [ParameterHeader] {
        // Nearly no tool has any.
        guard contains(schema, Array("\"x-mcp-header\"".utf8)) else { return [] }
        var found: [ParameterHeader] = []
        var scanner = JSONScanner(schema, maxDepth: 512)
        // What is no schema has no headers; the page that it stands in has been checked.
        try? readSchema(&scanner, schema, [], &found)
        // Of two that could not be told apart none can be meant.
        return found.filter { one in found.count { $0.name == one.name } == 1 }
    }

    private static func contains(_ bytes: UnsafeRawBufferPointer, _ text: [UInt8]) -> Bool {
        guard bytes.count >= text.count else { return false }
        return (0...(bytes.count - text.count)).contains { start in
            bytes[start] == text[0] && text.indices.allSatisfy { bytes[start + $0] == text[$0] }
        }
    }

    private static func readSchema(
        _ scanner: inout JSONScanner, _ bytes: UnsafeRawBufferPointer, _ path: [String],
        _ found: inout [ParameterHeader]
    ) throws(JSONError) {
        guard try scanner.beginObject() else { return }
        repeat {
            let key = RPCMessage.text(try scanner.key(), bytes)
            guard key == "properties", try scanner.peek() == UInt8(ascii: "{") else {
                let value = try scanner.value()
                if key == "x-mcp-header", !path.isEmpty {
                    let name = RPCMessage.text(value, bytes)
                    if isToken(name) { found.append(ParameterHeader(name: prefix + name.lowercased(), path: path)) }
                }
                continue
            }
            guard try scanner.beginObject() else { continue }
            repeat {
                let name = RPCMessage.text(try scanner.key(), bytes)
                if try scanner.peek() == UInt8(ascii: "{") {
                    try readSchema(&scanner, bytes, path + [name], &found)
                } else {
                    _ = try scanner.value()
                }
            } while try scanner.nextMember()
        } while try scanner.nextMember()
    }

    /// Whether a text can be a part of a header's name (RFC 9110 5.6.2).
    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }

    /// What the header has to say for a call; `nil` where the argument is not given, is null, or is of a kind that
    /// headers cannot have.
    public func value(in message: RPCMessage, _ bytes: UnsafeRawBufferPointer) -> String? {
        guard let params = message.params else { return nil }
        let inner = UnsafeRawBufferPointer(rebasing: bytes[params.offset..<params.end])
        var scanner = JSONScanner(inner, maxDepth: 512)
        // The message has been checked: nothing in it can be wrong any more.
        guard let found = try? Self.find(["arguments"] + path, &scanner, inner) else { return nil }
        return switch inner[found.offset] {
        case UInt8(ascii: "\""): RPCMessage.text(found, inner)
        case UInt8(ascii: "n"), UInt8(ascii: "{"), UInt8(ascii: "["): nil
        default: String(decoding: inner[found.offset..<found.end], as: UTF8.self)
        }
    }

    private static func find(
        _ path: [String], _ scanner: inout JSONScanner, _ bytes: UnsafeRawBufferPointer
    ) throws(JSONError) -> JSONSpan? {
        guard try scanner.peek() == UInt8(ascii: "{"), try scanner.beginObject() else { return nil }
        repeat {
            let key = RPCMessage.text(try scanner.key(), bytes)
            if key == path[0], path.count > 1 { return try find(Array(path.dropFirst()), &scanner, bytes) }
            let value = try scanner.value()
            if key == path[0] { return value }
        } while try scanner.nextMember()
        return nil
    }

    /// Whether a header says what the body says; numbers are compared as numbers.
    public static func isSame(_ header: String, as value: String) -> Bool {
        guard let text = HeaderText.decode(header) else { return false }
        if text == value { return true }
        guard let a = Double(text), let b = Double(value) else { return false }
        return a == b
    }
}
