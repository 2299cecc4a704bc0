import GatewayCore

extension SettingKind where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of a few words.
    static var word: SettingKind {
        let words = Value.allCases.map(\.rawValue)
        let expectation = words.count == 1 ? "`\(words[0])`" : "one of \(words.joined(separator: ", "))"
        return .scalar(
            expectation,
            schema:
                #"{"enum": \#(JSONText.list(words.map(JSONText.quoted) + words.filter { Numeral.decimal($0) != nil }))}"#,
            hint: { scalar in NearestName.of(scalar.text, among: words).map { "did you mean \($0)?" } },
            parse: { scalar in Value(rawValue: scalar.text.lowercased()) },
            show: { ShownValue(string: $0.rawValue) })
    }
}

extension SettingKind where Value == String {
    /// A host name or an address.
    static var host: SettingKind {
        .scalar(
            "an IP address or a host name", parse: { HostAddress.parse($0.text) },
            show: { ShownValue(string: $0) })
    }

    /// Any text of one line.
    static var text: SettingKind {
        .scalar(
            "a text of 1 to 1024 characters on one line",
            parse: { scalar in
                let isLine = scalar.text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
                return isLine && (1...1024).contains(scalar.text.count) ? scalar.text : nil
            }, show: { ShownValue(string: $0) })
    }

    /// A secret that nobody can guess.
    static var secret: SettingKind {
        .scalar(
            "a secret of 8 or more characters", parse: { $0.text.count >= 8 ? $0.text : nil },
            show: { ShownValue(string: $0) })
    }

    /// A name, a colon and 32 bytes in base64.
    static var encryptionKey: SettingKind {
        .scalar(
            "ID:KEY, an id of 1 to 32 of A-Z a-z 0-9 . _ - and 32 bytes in base64",
            parse: { isEncryptionKey($0.text) ? $0.text : nil }, show: { ShownValue(string: $0) })
    }

    private static func isEncryptionKey(_ text: String) -> Bool {
        func isWord(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: false
            }
        }
        let parts = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count == 2, (1...32).contains(parts[0].count),
            parts[0].allSatisfy({ isWord($0) || "._-".utf8.contains($0) }),
            parts[1].count == 43 || parts[1].count == 44 && parts[1].last == UInt8(ascii: "="),
            let last = parts[1].dropFirst(42).first
        else { return false }
        // The last character has four bits of the 32 bytes, and two that must be 0.
        return parts[1].prefix(43).allSatisfy { isWord($0) || "+/".utf8.contains($0) }
            && "AEIMQUYcgkosw048".utf8.contains(last)
    }

    /// An address of the web.
    static var url: SettingKind {
        .scalar(
            "a URL that begins with http:// or https://", parse: { URLText.isValid($0.text) ? $0.text : nil },
            show: { ShownValue(string: ShownAddress.text($0)) })
    }

    /// The path of a file.
    static var path: SettingKind {
        .scalar(
            "a path", parse: { $0.text.isEmpty || $0.text.hasSuffix("/") || $0.text.contains("\0") ? nil : $0.text },
            show: { ShownValue(string: $0) })
    }

    /// An address or a network.
    static var network: SettingKind {
        .scalar(
            "an address or a network such as 10.0.0.0/8", parse: { HostAddress.isNetwork($0.text) ? $0.text : nil },
            show: { ShownValue(string: $0) })
    }

    /// A node's name.
    static var nodeID: SettingKind {
        .scalar(
            "1 to 64 characters of A-Z a-z 0-9 . _ -",
            parse: { scalar in
                let scalars = scalar.text.unicodeScalars
                return (1...64).contains(scalars.count) && scalars.allSatisfy(HostName.isPermitted) ? scalar.text : nil
            }, show: { ShownValue(string: $0) })
    }

    /// The name of a topic, or a beginning followed by `*`.
    static var topicPattern: SettingKind {
        .scalar(
            "a topic or a beginning such as room:*",
            parse: { (1...255).contains($0.text.utf8.count) && !$0.text.dropLast().contains("*") ? $0.text : nil },
            show: { ShownValue(string: $0) })
    }

    /// A method of HTTP that the gateway knows.
    static var method: SettingKind {
        .scalar(
            "GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS",
            parse: { scalar in
                let name = scalar.text.uppercased()
                return ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].contains(name) ? name : nil
            }, show: { ShownValue(string: $0) })
    }

    /// The name of a header field (RFC 9110 §5.1), or a beginning followed by `*`.
    static var fieldName: SettingKind {
        .scalar(
            "a header field's name, or a beginning such as Mcp-*",
            parse: { scalar in
                let name = scalar.text.last == "*" ? scalar.text.dropLast() : scalar.text[...]
                return (1...128).contains(name.utf8.count) && name.utf8.allSatisfy(isTokenByte) ? scalar.text : nil
            }, show: { ShownValue(string: $0) })
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'+-.^_`|~".utf8.contains(byte)
        }
    }

    /// The origin of a browser page.
    static var origin: SettingKind {
        .scalar(
            "an origin such as https://app.example.com", parse: { WebOrigin.parse($0.text) },
            show: { ShownValue(string: $0) })
    }
}

/// The written form of an address of the web.
enum URLText {
    /// Whether it begins as it must and names a host; nothing in it may need quoting.
    static func isValid(_ text: String) -> Bool {
        guard let start = ["http://", "https://"].first(where: { text.hasPrefix($0) }) else { return false }
        let rest = text.dropFirst(start.count)
        guard let first = rest.first, first != "/", first != "?", first != "#" else { return false }
        return text.utf8.count <= 2048 && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") }
    }
}
