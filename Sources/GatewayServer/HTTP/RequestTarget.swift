/// The path and the query of a request (RFC 3986 §3.3, §3.4; `+` is a space, as forms have it).
package struct RequestTarget: Sendable {
    package let path: String
    private let query: [(name: String, value: String)]

    package init(_ uri: String) {
        let end = uri.firstIndex(of: "#") ?? uri.endIndex
        let split = uri[..<end].firstIndex(of: "?") ?? end
        path = String(uri[..<split])
        guard split < end else {
            query = []
            return
        }
        query = uri[uri.index(after: split)..<end].split(separator: "&").map { part in
            let equals = part.firstIndex(of: "=")
            let name = part[..<(equals ?? part.endIndex)]
            let value = equals.map { part[part.index(after: $0)...] } ?? ""
            return (Self.decode(name), Self.decode(value))
        }
    }

    /// The first value of a parameter.
    package subscript(name: String) -> String? { query.first { $0.name == name }?.value }

    /// The first value of a parameter that does not start with `beginning`.
    func first(_ name: String, notStartingWith beginning: String) -> String? {
        query.first { $0.name == name && !$0.value.hasPrefix(beginning) }?.value
    }

    /// The last value of a parameter that starts with `beginning`.
    func last(_ name: String, startingWith beginning: String) -> String? {
        query.last { $0.name == name && $0.value.hasPrefix(beginning) }?.value
    }

    /// A copy of a text without its percent escapes. What is not UTF-8 becomes U+FFFD; a lone `%` stays.
    package static func decode(_ text: Substring) -> String {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else {
            return String(text)
        }
        let bytes = Array(text.utf8)
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        var i = 0
        while i < bytes.count {
            if bytes[i] == UInt8(ascii: "%"), i + 2 < bytes.count,
                let value = UInt8(String(decoding: bytes[(i + 1)...(i + 2)], as: UTF8.self), radix: 16),
                bytes[i + 1] != UInt8(ascii: "+")
            {
                output.append(value)
                i += 3
            } else {
                output.append(bytes[i] == UInt8(ascii: "+") ? 0x20 : bytes[i])
                i += 1
            }
        }
        return String(decoding: output, as: UTF8.self)
    }
}
