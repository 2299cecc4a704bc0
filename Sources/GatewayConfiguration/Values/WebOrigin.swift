/// The `Origin` of a browser page.
enum WebOrigin {
    /// The form in which browsers send it: lower case, no default port, no trailing slash. `nil` when it is no origin.
    static func parse(_ text: String) -> String? {
        let bare = text.hasSuffix("/") ? String(text.dropLast()) : text
        guard let colon = bare.firstIndex(of: ":"), bare[colon...].hasPrefix("://") else { return nil }
        let scheme = bare[..<colon].lowercased()
        guard scheme.first?.isLetter == true, scheme.unicodeScalars.allSatisfy(isSchemeCharacter) else { return nil }
        let (host, port) = split(bare[bare.index(colon, offsetBy: 3)...])
        guard let host, isBracketedOrPlain(host), HostAddress.parse(host) != nil else { return nil }
        guard let port else { return "\(scheme)://\(host.lowercased())" }
        guard let number = UInt16(port), number > 0 else { return nil }
        let isDefault = (scheme == "https" && number == 443) || (scheme == "http" && number == 80)
        return "\(scheme)://\(host.lowercased())\(isDefault ? "" : ":\(number)")"
    }

    private static func split(_ authority: Substring) -> (host: String?, port: Substring?) {
        guard let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") else {
            return (String(authority), nil)
        }
        let host = authority[..<colon]
        return (host.isEmpty ? nil : String(host), authority[authority.index(after: colon)...])
    }

    private static func isBracketedOrPlain(_ host: String) -> Bool { host.hasPrefix("[") == host.contains(":") }

    private static func isSchemeCharacter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "0"..."9", "+", ".", "-": true
        default: false
        }
    }
}
