import WireJSON

/// Whether a JSON-RPC answer is a good one.
enum ToolAnswer {
    static func failure(_ text: [UInt8]) -> String? {
        guard !text.isEmpty else { return "an empty answer" }
        let problem = text.withUnsafeBytes { bytes -> String? in
            (try? check(bytes)) ?? "not JSON"
        }
        guard let problem, !problem.isEmpty else { return nil }
        return problem
    }

    /// The revision that the answer to `initialize` chooses.
    static func protocolVersion(_ text: [UInt8]) -> String? {
        text.withUnsafeBytes { bytes -> String? in
            guard let result = try? member("result", of: bytes) else { return nil }
            let inner = UnsafeRawBufferPointer(rebasing: bytes[result.offset..<result.end])
            guard let version = try? member("protocolVersion", of: inner), version.length > 2 else { return nil }
            return JSONText.decode(UnsafeRawBufferPointer(rebasing: inner[version.offset..<version.end]))
        }
    }

    private static func member(_ name: StaticString, of bytes: UnsafeRawBufferPointer) throws(JSONError) -> JSONSpan? {
        var scanner = JSONScanner(bytes, maxDepth: 256)
        guard try scanner.peek() == UInt8(ascii: "{"), try scanner.beginObject() else { return nil }
        repeat {
            let key = try scanner.key()
            let value = try scanner.value()
            if isName(key, name, bytes) { return value }
        } while try scanner.nextMember()
        return nil
    }

    /// Empty: nothing is wrong.
    private static func check(_ bytes: UnsafeRawBufferPointer) throws(JSONError) -> String {
        var scanner = JSONScanner(bytes, maxDepth: 256)
        guard try scanner.peek() == UInt8(ascii: "{"), try scanner.beginObject() else { return "not a JSON object" }
        var hasResult = false
        repeat {
            let key = try scanner.key()
            let value = try scanner.value()
            let inner = UnsafeRawBufferPointer(rebasing: bytes[value.offset..<value.offset + value.length])
            if isName(key, "error", bytes) { return String(decoding: inner.prefix(200), as: UTF8.self) }
            guard isName(key, "result", bytes) else { continue }
            hasResult = true
            if try isError(inner) { return String(decoding: inner.prefix(200), as: UTF8.self) }
        } while try scanner.nextMember()
        return hasResult ? "" : "neither a result nor an error"
    }

    private static func isError(_ result: UnsafeRawBufferPointer) throws(JSONError) -> Bool {
        var scanner = JSONScanner(result, maxDepth: 256)
        guard try scanner.peek() == UInt8(ascii: "{"), try scanner.beginObject() else { return false }
        repeat {
            let key = try scanner.key()
            let value = try scanner.value()
            if isName(key, "isError", result) { return result[value.offset] == UInt8(ascii: "t") }
        } while try scanner.nextMember()
        return false
    }

    private static func isName(_ span: JSONSpan, _ name: StaticString, _ bytes: UnsafeRawBufferPointer) -> Bool {
        var part = bytes[span.offset..<span.offset + span.length]
        if part.first == UInt8(ascii: "\"") { part = part.dropFirst().dropLast() }
        return name.withUTF8Buffer { part.elementsEqual($0) }
    }
}
