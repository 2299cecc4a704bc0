import NIOHTTP1

extension HTTPRequestHead {
    /// Blanks around a value are none of it (RFC 9112 §5.1); the parser leaves those behind it.
    mutating func trimValues() {
        func isBlank(_ byte: UInt8?) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        guard headers.contains(where: { isBlank($0.value.utf8.last) || isBlank($0.value.utf8.first) }) else { return }
        headers = HTTPHeaders(
            headers.map { name, value in
                var rest = value[...]
                while isBlank(rest.utf8.last) { rest.removeLast() }
                return (name, String(rest.drop { $0 == " " || $0 == "\t" }))
            })
    }

    /// Whether the request wants to leave HTTP, so that the parser stops behind it.
    var asksForUpgrade: Bool {
        method == .CONNECT
            || headers.contains(name: "upgrade")
                && headers[canonicalForm: "connection"].contains { $0.lowercased() == "upgrade" }
    }
}
