/// The header that proxies put before the first byte of a connection to say where it comes from (the PROXY protocol of
/// HAProxy, versions 1 and 2).
public struct ProxyHeader: Equatable, Sendable {
    /// Where the connection comes from; `nil` if the proxy speaks for itself (a health check) or does not know.
    public let source: Endpoint?
    /// Bytes of the header.
    public let length: Int

    public init(source: Endpoint?, length: Int) {
        self.source = source
        self.length = length
    }

    /// An address and a port.
    public struct Endpoint: Equatable, Sendable {
        public let address: IPAddress
        public let port: UInt16

        public init(address: IPAddress, port: UInt16) {
            self.address = address
            self.port = port
        }
    }

    /// What the first bytes of a connection are.
    public enum Outcome: Equatable, Sendable {
        /// It may become a header.
        case incomplete
        case header(ProxyHeader)
        /// It is none, and will not become one.
        case invalid
    }

    /// The longest header of version 1, its line end included.
    private static let maxTextLength = 107
    /// The longest header of version 2 that is read: addresses and a few extensions.
    public static let maxLength = 2048
    private static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]

    /// Looks at all bytes that have come so far.
    public static func parse(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        guard let first = bytes.first else { return .incomplete }
        return first == signature[0] ? parseBinary(bytes) : parseText(bytes)
    }

    // MARK: - Version 1

    private static func parseText(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        for (byte, expected) in zip(bytes, "PROXY ".utf8) where byte != expected { return .invalid }
        let line = bytes.prefix(maxTextLength)
        guard let end = line.firstIndex(of: 0x0A) else { return line.count < maxTextLength ? .incomplete : .invalid }
        guard end > 6, bytes[end - 1] == 0x0D else { return .invalid }
        let words = bytes[6..<(end - 1)].split(separator: 0x20, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        // What stands behind UNKNOWN is to be ignored.
        if words.first == "UNKNOWN" { return .header(ProxyHeader(source: nil, length: end + 1)) }
        guard words.count == 5, words[0] == "TCP4" || words[0] == "TCP6" else { return .invalid }
        let isIPv6 = words[0] == "TCP6"
        // The text decides: TCP6 may carry an IPv4 address in IPv6 clothes.
        guard words[1].contains(":") == isIPv6, words[2].contains(":") == isIPv6, let source = IPAddress(words[1]),
            IPAddress(words[2]) != nil, let port = number(words[3]), number(words[4]) != nil
        else { return .invalid }
        return .header(ProxyHeader(source: Endpoint(address: source, port: port), length: end + 1))
    }

    private static func number(_ text: String) -> UInt16? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), text == "0" || !text.hasPrefix("0") else {
            return nil
        }
        return UInt16(text)
    }

    // MARK: - Version 2

    private static func parseBinary(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        for (byte, expected) in zip(bytes, signature) where byte != expected { return .invalid }
        // What cannot become a header is refused as soon as it shows.
        if bytes.count > 12, bytes[12] != 0x20, bytes[12] != 0x21 { return .invalid }
        guard bytes.count >= 16 else { return .incomplete }
        let isLocal = bytes[12] == 0x20
        let family = bytes[13]
        let size = Int(bytes[14]) << 8 | Int(bytes[15])
        let length = 16 + size
        guard length <= maxLength, family >> 4 <= 3, family & 0x0F <= 2 else { return .invalid }
        let addressSize: Int
        switch family >> 4 {
        case 1: addressSize = 12
        case 2: addressSize = 36
        case 3: addressSize = 216
        default: addressSize = 0
        }
        guard isLocal || size >= addressSize else { return .invalid }
        guard bytes.count >= length else { return .incomplete }
        // Of the families only those of TCP say where a stream comes from.
        guard !isLocal, family & 0x0F == 1 else { return .header(ProxyHeader(source: nil, length: length)) }
        switch family >> 4 {
        case 1:
            let address = IPAddress(ipv4: UInt32(truncatingIfNeeded: integer(bytes, 16, 4)))
            return .header(ProxyHeader(source: Endpoint(address: address, port: port(bytes, 24)), length: length))
        case 2:
            let address = IPAddress(ipv6: integer(bytes, 16, 8), integer(bytes, 24, 8))
            return .header(ProxyHeader(source: Endpoint(address: address, port: port(bytes, 48)), length: length))
        default: return .header(ProxyHeader(source: nil, length: length))
        }
    }

    private static func integer(_ bytes: UnsafeRawBufferPointer, _ offset: Int, _ count: Int) -> UInt64 {
        bytes[offset..<(offset + count)].reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func port(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt16 {
        UInt16(truncatingIfNeeded: integer(bytes, offset, 2))
    }
}
