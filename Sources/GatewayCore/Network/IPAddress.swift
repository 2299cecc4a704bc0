/// An IP address. An IPv4 address in IPv6 clothes (`::ffff:192.0.2.1`) is that IPv4 address.
public struct IPAddress: Hashable, Sendable {
    /// The first 64 bits; 0 for IPv4.
    public let high: UInt64
    /// The last 64 bits; all of an IPv4 address.
    public let low: UInt64
    public let isIPv6: Bool

    /// An IPv4 address.
    public init(ipv4 value: UInt32) {
        high = 0
        low = UInt64(value)
        isIPv6 = false
    }

    /// An IPv6 address, or the IPv4 address that it stands for.
    public init(ipv6 high: UInt64, _ low: UInt64) {
        let isMapped = high == 0 && low >> 32 == 0xFFFF
        self.high = high
        self.low = isMapped ? low & 0xFFFF_FFFF : low
        isIPv6 = !isMapped
    }

    /// Reads the usual forms, without brackets, ports or zones.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8.prefix(46))
        guard bytes.count <= 45 else { return nil }
        if bytes.contains(UInt8(ascii: ":")) {
            guard let (high, low) = Self.parseIPv6(bytes) else { return nil }
            self.init(ipv6: high, low)
        } else {
            guard let value = Self.parseIPv4(bytes[...]) else { return nil }
            self.init(ipv4: value)
        }
    }

    /// Whether the address is this machine's own.
    public var isLoopback: Bool { isIPv6 ? (high, low) == (0, 1) : low >> 24 == 127 }

    /// Four numbers of one to three digits; none begins with a zero that could be meant as octal.
    private static func parseIPv4(_ bytes: ArraySlice<UInt8>) -> UInt32? {
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0"),
                part.allSatisfy({ (0x30...0x39).contains($0) })
            else { return nil }
            let number = part.reduce(UInt32(0)) { $0 * 10 + UInt32($1 - 0x30) }
            guard number <= 255 else { return nil }
            value = value << 8 | number
        }
        return value
    }

    private static func parseIPv6(_ bytes: [UInt8]) -> (UInt64, UInt64)? {
        let colon = UInt8(ascii: ":")
        guard let gap = bytes.indices.dropLast().first(where: { bytes[$0] == colon && bytes[$0 + 1] == colon }) else {
            guard let groups = parseGroups(bytes[...]), groups.count == 8 else { return nil }
            return join(groups)
        }
        guard let front = parseGroups(bytes[..<gap]), let back = parseGroups(bytes[(gap + 2)...]),
            front.count + back.count <= 7
        else { return nil }
        // Only the end of an address may be written as IPv4.
        guard !bytes[..<gap].contains(UInt8(ascii: ".")) else { return nil }
        return join(front + [UInt16](repeating: 0, count: 8 - front.count - back.count) + back)
    }

    private static func parseGroups(_ bytes: ArraySlice<UInt8>) -> [UInt16]? {
        guard !bytes.isEmpty else { return [] }
        var groups: [UInt16] = []
        let parts = bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, part.contains(UInt8(ascii: ".")) {
                guard let value = parseIPv4(part) else { return nil }
                groups += [UInt16(value >> 16), UInt16(truncatingIfNeeded: value)]
                continue
            }
            guard (1...4).contains(part.count) else { return nil }
            var value: UInt16 = 0
            for byte in part {
                let digit: UInt8
                switch byte {
                case 0x30...0x39: digit = byte - 0x30
                case 0x41...0x46: digit = byte - 0x37
                case 0x61...0x66: digit = byte - 0x57
                default: return nil
                }
                value = value << 4 | UInt16(digit)
            }
            groups.append(value)
        }
        return groups
    }

    private static func join(_ groups: [UInt16]) -> (UInt64, UInt64) {
        (
            groups[..<4].reduce(0) { $0 << 16 | UInt64($1) }, groups[4...].reduce(0) { $0 << 16 | UInt64($1) }
        )
    }
}

/// An address, or a network in the form `10.0.0.0/8`.
public struct IPAddressRange: Hashable, Sendable {
    private let base: IPAddress
    /// Bits that all its addresses have in common.
    public let length: Int

    /// Reads an address or a network; bits beyond the length of the prefix must be zero, so that a slip shows.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, parts.count <= 2, let base = IPAddress(first) else { return nil }
        let bits = base.isIPv6 ? 128 : 32
        var length = bits
        if parts.count == 2 {
            guard (1...3).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = Int(parts[1]), number <= bits
            else { return nil }
            length = number
        }
        self.base = base
        self.length = length
        guard Self.masked(base, length) == base else { return nil }
    }

    /// The network of that length that an address is in; `nil` if its kind has none so long.
    public init?(_ address: IPAddress, length: Int) {
        guard (0...(address.isIPv6 ? 128 : 32)).contains(length) else { return nil }
        base = Self.masked(address, length)
        self.length = length
    }

    public func contains(_ address: IPAddress) -> Bool {
        address.isIPv6 == base.isIPv6 && Self.masked(address, length) == base
    }

    private static func masked(_ address: IPAddress, _ length: Int) -> IPAddress {
        guard address.isIPv6 else {
            return IPAddress(ipv4: UInt32(truncatingIfNeeded: address.low) & (length == 0 ? 0 : ~0 << (32 - length)))
        }
        let high = length >= 64 ? address.high : length == 0 ? 0 : address.high & (~0 << (64 - length))
        let low = length >= 128 ? address.low : length <= 64 ? 0 : address.low & (~0 << (128 - length))
        return IPAddress(exactly: high, low)
    }
}

extension IPAddress {
    /// What is left of an IPv6 address stays one, whatever it looks like.
    fileprivate init(exactly high: UInt64, _ low: UInt64) {
        self.high = high
        self.low = low
        isIPv6 = true
    }
}
