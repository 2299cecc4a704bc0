#if canImport(Darwin)
    internal import Darwin
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// What can stand in `listen.host`: an IPv4 or IPv6 address or a name.
enum HostAddress {
    /// The address without the brackets of a URL; `nil` when it is none.
    static func parse(_ text: String) -> String? {
        let bare = text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
        if bare.contains(":") { return ipv6(bare) == nil ? nil : bare }
        guard !bare.isEmpty, bare.utf8.count <= 253 else { return nil }
        if bare.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }) { return ipv4(bare) == nil ? nil : bare }
        let labels = bare.split(separator: ".", omittingEmptySubsequences: false)
        return labels.allSatisfy(isLabel) ? bare : nil
    }

    /// Whether only this machine can reach the address.
    static func isLoopback(_ host: String) -> Bool {
        if let bytes = ipv4(host) { return bytes[0] == 127 }
        if let bytes = ipv6(host) {
            let mapped = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]
            return bytes == [UInt8](repeating: 0, count: 15) + [1] || (bytes.starts(with: mapped) && bytes[12] == 127)
        }
        let name = host.lowercased()
        return name == "localhost" || name.hasSuffix(".localhost")
    }

    /// Whether the text is an address or a network in the form `10.0.0.0/8`, whose bits beyond the prefix are zero.
    static func isNetwork(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, parts.count <= 2, !first.contains("%"),
            let bytes = ipv4(String(first)) ?? ipv6(String(first))
        else { return false }
        guard parts.count == 2 else { return true }
        guard let length = Numeral.integer(String(parts[1])), (0...(bytes.count * 8)).contains(length) else {
            return false
        }
        return bytes.indices.allSatisfy { index in
            let kept = min(8, max(0, length - index * 8))
            return bytes[index] & ~UInt8(truncatingIfNeeded: 0xFF00 >> kept) == 0
        }
    }

    private static func isLabel(_ label: Substring) -> Bool {
        (1...63).contains(label.utf8.count) && label.unicodeScalars.allSatisfy(HostName.isPermitted)
            && label.first != "-" && label.last != "-"
    }

    private static func ipv4(_ text: String) -> [UInt8]? { presentation(text, family: AF_INET, size: 4) }

    /// An interface (`fe80::1%eth0`) is no part of the address.
    private static func ipv6(_ text: String) -> [UInt8]? {
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2, parts[1].isEmpty { return nil }
        return presentation(String(parts[0]), family: AF_INET6, size: 16)
    }

    private static func presentation(_ text: String, family: Int32, size: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: size)
        return inet_pton(family, text, &bytes) == 1 ? bytes : nil
    }
}
