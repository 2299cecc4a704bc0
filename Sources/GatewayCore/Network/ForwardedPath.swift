/// The way that a request has come through proxies, as their headers tell it: `Forwarded` (RFC 7239), or
/// `X-Forwarded-For` and `X-Forwarded-Proto`.
///
/// Everybody can send these headers. They count from the end, as far as those who wrote them are trusted.
public struct ForwardedPath: Equatable, Sendable {
    /// One step.
    public struct Hop: Equatable, Sendable {
        /// Who came to the proxy; `nil` if it does not say, or not by an address.
        public var address: IPAddress?
        /// `http` or `https`, as the proxy was spoken to.
        public var scheme: String?

        public init(address: IPAddress? = nil, scheme: String? = nil) {
            self.address = address
            self.scheme = scheme
        }
    }

    /// From the first proxy to the last.
    public let hops: [Hop]

    /// Steps that are looked at; who came through more is taken for the one before.
    private static let maxHops = 32

    /// Reads `Forwarded` if there is one, otherwise the older headers. Values of several lines stand in their order.
    public init(forwarded: [String], forwardedFor: [String], forwardedProto: [String]) {
        if !forwarded.isEmpty {
            hops = Array(Self.elements(of: forwarded.joined(separator: ",")).suffix(Self.maxHops))
            return
        }
        var list = Self.items(forwardedFor).map { Hop(address: Self.address($0)) }
        // One value of the protocol for all, or one for each.
        let schemes = Self.items(forwardedProto).map { $0.lowercased() }
        if list.isEmpty, !schemes.isEmpty { list = [Hop()] }
        for index in list.indices {
            let scheme = schemes.count == list.count ? schemes[index] : schemes.last
            list[index].scheme = scheme == "http" || scheme == "https" ? scheme : nil
        }
        hops = list
    }

    /// Who sent the request, and how it reached the outermost trusted proxy.
    /// - Parameters:
    ///   - peer: who is at the other end of the connection.
    ///   - isTrusted: whose word counts.
    public func origin(
        peer: IPAddress, isTrusted: (IPAddress) -> Bool
    ) -> (address: IPAddress, scheme: String?) {
        var address = peer
        var scheme: String?
        for hop in hops.reversed() {
            guard isTrusted(address) else { break }
            if let named = hop.scheme { scheme = named }
            guard let next = hop.address else { break }
            address = next
        }
        return (address, scheme)
    }

    private static func items(_ values: [String]) -> [Substring] {
        Array(
            values.joined(separator: ",").split(separator: ",", omittingEmptySubsequences: false).suffix(maxHops)
                .map(trimmed).drop(while: \.isEmpty))
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let start = text.drop { $0 == " " || $0 == "\t" }
        return start.last.map { $0 == " " || $0 == "\t" } == true
            ? start[...(start.lastIndex { $0 != " " && $0 != "\t" } ?? start.startIndex)] : start
    }

    /// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
    static func address(_ text: some StringProtocol) -> IPAddress? {
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { return nil }
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.first == ":" && isPort(rest.dropFirst()) else { return nil }
            let inner = text[text.index(after: text.startIndex)..<end]
            return inner.contains(":") ? IPAddress(inner) : nil
        }
        guard let colon = text.firstIndex(of: ":"), text.lastIndex(of: ":") == colon else { return IPAddress(text) }
        return isPort(text[text.index(after: colon)...]) ? IPAddress(text[..<colon]) : nil
    }

    private static func isPort(_ text: some StringProtocol) -> Bool {
        // RFC 7239 also allows an obfuscated port, which begins with an underscore.
        (1...32).contains(text.utf8.count)
            && (text.first == "_" || text.utf8.count <= 5 && text.utf8.allSatisfy { (0x30...0x39).contains($0) })
    }

    // MARK: - RFC 7239

    /// The elements of a `Forwarded` header. One that is not well formed says nothing about its step, and so ends the
    /// trust in what stands before it.
    private static func elements(of text: String) -> [Hop] {
        split(text[...], at: ",").map { element in
            var hop = Hop()
            for pair in split(element, at: ";") {
                guard let equals = pair.firstIndex(of: "="), let value = unquoted(pair[pair.index(after: equals)...])
                else {
                    if trimmed(pair).isEmpty { continue }
                    return Hop()
                }
                switch trimmed(pair[..<equals]).lowercased() {
                case "for": hop.address = address(value)
                case "proto":
                    let scheme = value.lowercased()
                    hop.scheme = scheme == "http" || scheme == "https" ? scheme : nil
                default: break
                }
            }
            return hop
        }
    }

    /// Splits outside quoted strings.
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
            } else if !isQuoted, character == separator {
                parts.append(text[start..<index])
                start = text.index(after: index)
            }
        }
        parts.append(text[start...])
        return parts
    }

    /// A token, or what a quoted string says; `nil` if its quotes do not match.
    private static func unquoted(_ text: Substring) -> String? {
        let text = trimmed(text)
        guard text.first == "\"" else { return text.contains("\"") ? nil : String(text) }
        guard text.count >= 2, text.last == "\"" else { return nil }
        var value = ""
        var isEscaped = false
        for character in text.dropFirst().dropLast() {
            if !isEscaped, character == "\\" {
                isEscaped = true
            } else {
                if !isEscaped, character == "\"" { return nil }
                value.append(character)
                isEscaped = false
            }
        }
        return isEscaped ? nil : value
    }
}
