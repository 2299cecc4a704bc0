import WireJSON

extension RPCMessage {
    /// Adds what puts another place of the trace into `params._meta`, where servers look for it.
    public func carryTrace(_ traceParent: String, in splice: inout Splice, of bytes: UnsafeRawBufferPointer) {
        let value = Array("\"\(traceParent)\"".utf8)
        if let place = self.traceParent { return splice.replace(place, with: value) }
        let member = Array("\"traceparent\":".utf8) + value
        if let meta, bytes[meta.offset] == UInt8(ascii: "{") {
            splice.insert(member + Self.comma(behind: meta, bytes), at: meta.offset + 1)
        } else if meta == nil, let params {
            let whole = Array("\"_meta\":{".utf8) + member + [UInt8(ascii: "}")]
            splice.insert(whole + Self.comma(behind: params, bytes), at: params.offset + 1)
        }
    }

    /// A comma, unless the object has no members.
    private static func comma(behind object: JSONSpan, _ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var index = object.offset + 1
        while bytes[index] <= 0x20 { index += 1 }
        return bytes[index] == UInt8(ascii: "}") ? [] : [UInt8(ascii: ",")]
    }
}

extension RPCMessage {
    /// Whether the result is that of a tool which says that it has failed.
    public func isToolError(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let result, isResultObject else { return false }
        let inner = UnsafeRawBufferPointer(rebasing: bytes[result.offset..<result.end])
        var scanner = JSONScanner(inner, maxDepth: 512)
        // The message has been checked: nothing in it can be wrong any more.
        return (try? Self.isError(&scanner, inner)) ?? false
    }

    private static func isError(
        _ scanner: inout JSONScanner, _ bytes: UnsafeRawBufferPointer
    ) throws(JSONError) -> Bool {
        guard try scanner.beginObject() else { return false }
        repeat {
            let key = try scanner.key()
            let value = try scanner.value()
            if text(key, bytes) == "isError" { return bytes[value.offset] == UInt8(ascii: "t") }
        } while try scanner.nextMember()
        return false
    }
}
