/// What both sides agreed on for compressed messages (RFC 7692 §7). The client never keeps a context between messages, and
/// the gateway only where it was told to: without one a connection needs no memory, and one compression serves every
/// subscriber.
public struct PerMessageDeflate: Equatable, Sendable {
    /// Size of the window that the client can hold, as a power of two: 9 to 15.
    public let serverWindowBits: Int
    /// Whether the gateway may refer to earlier messages.
    public let keepsContext: Bool
    /// The value of `Sec-WebSocket-Extensions` in the answer.
    public let response: String

    /// The name of the extension.
    public static let name = "permessage-deflate"

    /// Chooses the first acceptable offer.
    /// - Parameters:
    ///   - headers: the values of the client's `Sec-WebSocket-Extensions` lines.
    ///   - takesContext: whether the gateway is to keep a context for a client that allows it; asked at most once.
    /// - Returns: `nil` if there is none: messages then stay as they are.
    public static func negotiate(
        _ headers: [String], takesContext: () -> Bool = { false }
    ) -> PerMessageDeflate? {
        for header in headers {
            for offer in split(header[...], at: ",") {
                if let accepted = accept(offer, takesContext) { return accepted }
            }
        }
        return nil
    }

    private static func accept(_ offer: Substring, _ takesContext: () -> Bool) -> PerMessageDeflate? {
        let parts = split(offer, at: ";").map(trim)
        guard parts[0].lowercased() == name else { return nil }
        var serverBits = 15
        var seen: Set<String> = []
        for part in parts.dropFirst() {
            let equals = part.firstIndex(of: "=")
            let key = trim(part[..<(equals ?? part.endIndex)]).lowercased()
            let value = equals.map { unquote(trim(part[part.index(after: $0)...])) }
            // An unknown, repeated or malformed parameter declines the offer (§7.1).
            guard seen.insert(key).inserted else { return nil }
            switch (key, value) {
            case ("server_no_context_takeover", nil), ("client_no_context_takeover", nil),
                ("client_max_window_bits", nil):
                break
            case ("client_max_window_bits", let text?):
                guard windowBits(text) != nil else { return nil }
            case ("server_max_window_bits", let text?):
                // zlib cannot write raw streams with a window of 2^8.
                guard let bits = windowBits(text), bits > 8 else { return nil }
                serverBits = bits
            default:
                return nil
            }
        }
        let keepsContext = !seen.contains("server_no_context_takeover") && takesContext()
        var response = name + (keepsContext ? "" : "; server_no_context_takeover") + "; client_no_context_takeover"
        if seen.contains("server_max_window_bits") { response += "; server_max_window_bits=\(serverBits)" }
        return PerMessageDeflate(serverWindowBits: serverBits, keepsContext: keepsContext, response: response)
    }

    /// The parts between separators, those inside quotes apart (RFC 9110 §5.6.4).
    private static func split(_ text: Substring, at separator: Character) -> [Substring] {
        var parts: [Substring] = []
        var start = text.startIndex
        var isQuoted = false
        var isEscaped = false
        for index in text.indices {
            let character = text[index]
            if isEscaped {
                isEscaped = false
            } else if isQuoted, character == "\\" {
                isEscaped = true
            } else if character == "\"" {
                isQuoted.toggle()
            } else if character == separator, !isQuoted {
                parts.append(text[start..<index])
                start = text.index(after: index)
            }
        }
        return parts + [text[start...]]
    }

    /// A number from 8 to 15 without leading zeros.
    private static func windowBits(_ text: Substring) -> Int? {
        guard text.utf8.count <= 2, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), text.first != "0",
            let bits = Int(text), (8...15).contains(bits)
        else { return nil }
        return bits
    }

    private static func trim(_ text: Substring) -> Substring {
        var text = text
        while let first = text.utf8.first, first == 0x20 || first == 0x09 { text = text.dropFirst() }
        while let last = text.utf8.last, last == 0x20 || last == 0x09 { text = text.dropLast() }
        return text
    }

    private static func unquote(_ text: Substring) -> Substring {
        text.utf8.count >= 2 && text.first == "\"" && text.last == "\"" ? text.dropFirst().dropLast() : text
    }
}
