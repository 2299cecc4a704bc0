import WireJSON

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Tools as people read them.
struct ToolList: Decodable {
    struct Tool: Decodable {
        let name: String
        let description: String?
    }

    let tools: [Tool]

    /// One line for each tool: its name, and the first line of what it says of itself.
    var table: String {
        let width = tools.map(\.name.count).max() ?? 0
        let lines = tools.map { tool in
            let description = (tool.description ?? "").split(whereSeparator: \.isNewline).first ?? ""
            let name = tool.name + String(repeating: " ", count: width - tool.name.count)
            return description.isEmpty ? tool.name : "\(name)  \(description)"
        }
        return lines.joined(separator: "\n")
    }
}

/// The result of a tool as people read it.
struct ToolResult: Decodable {
    struct Part: Decodable {
        let type: String
        let text: String?
        let data: String?
        let mimeType: String?
        let uri: String?
        let resource: Resource?
    }

    struct Resource: Decodable {
        let uri: String
        let text: String?
    }

    let content: [Part]?
    let isError: Bool?

    /// `nil` if there is nothing that can be read.
    var text: String? {
        guard let content, !content.isEmpty else { return nil }
        return content.map { part in
            switch part.type {
            case "text": part.text ?? ""
            case "resource": part.resource?.text ?? "[resource \(part.resource?.uri ?? "")]"
            case "resource_link": "[resource \(part.uri ?? "")]"
            default: "[\(part.type) \(part.mimeType ?? ""), \(Self.size(part.data ?? "")) bytes]"
            }
        }.joined(separator: "\n")
    }

    /// How many bytes a base64 text stands for.
    private static func size(_ base64: String) -> Int {
        base64.utf8.count / 4 * 3 - base64.utf8.reversed().prefix { $0 == UInt8(ascii: "=") }.count
    }
}

/// The arguments of a call as they stand on the command line.
enum ToolArguments {
    /// JSON text of the object that they make.
    static func json(_ words: [String]) throws(CommandFailure) -> [UInt8] {
        guard let first = words.first else { return Array("{}".utf8) }
        if words.count == 1, first == "-" {
            var text = ""
            while let line = readLine(strippingNewline: false) { text += line }
            return try object(Array(text.utf8), "standard input")
        }
        if words.count == 1, first.hasPrefix("{") { return try object(Array(first.utf8), "the argument") }
        var pairs: [(name: String, value: [UInt8])] = []
        for word in words {
            guard let equals = word.firstIndex(of: "="), equals > word.startIndex else {
                throw CommandFailure("\(word): arguments are NAME=VALUE, or one JSON object", code: 2)
            }
            let text = Array(word[word.index(after: equals)...].utf8)
            let name = String(word[..<equals])
            guard !pairs.contains(where: { $0.name == name }) else {
                throw CommandFailure("\(name) is given twice", code: 2)
            }
            pairs.append((name, isJSON(text) ? text : JSONText.quoted(String(decoding: text, as: UTF8.self))))
        }
        return JSONWriter.object { writer in for pair in pairs { writer.member(pair.name, raw: pair.value) } }
    }

    private static func object(_ text: [UInt8], _ source: String) throws(CommandFailure) -> [UInt8] {
        guard isJSON(text), text.first(where: { $0 > 0x20 }) == UInt8(ascii: "{") else {
            throw CommandFailure("\(source) is not a JSON object", code: 2)
        }
        return text
    }

    private static func isJSON(_ text: [UInt8]) -> Bool {
        text.withUnsafeBytes { bytes in
            var scanner = JSONScanner(bytes, maxDepth: 512)
            do throws(JSONError) {
                _ = try scanner.value()
                try scanner.finish()
                return true
            } catch { return false }
        }
    }
}
