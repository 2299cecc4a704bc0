import WireJSON

/// What a server says of itself when a session begins.
public struct InitializeResult: Sendable {
    /// The revision that it has chosen, if it is one that exists.
    public private(set) var version: ProtocolVersion?

    /// Reads the `result` of `initialize`; what cannot be read is left out.
    public init(_ bytes: UnsafeRawBufferPointer, _ span: JSONSpan) {
        let inner = UnsafeRawBufferPointer(rebasing: bytes[span.offset..<span.end])
        var scanner = JSONScanner(inner, maxDepth: 64)
        try? read(&scanner, inner)
    }

    private mutating func read(_ scanner: inout JSONScanner, _ bytes: UnsafeRawBufferPointer) throws(JSONError) {
        guard try scanner.beginObject() else { return }
        repeat {
            let key = try scanner.key()
            let value = try scanner.value()
            if RPCMessage.text(key, bytes) == "protocolVersion" {
                version = ProtocolVersion(rawValue: RPCMessage.text(value, bytes))
            }
        } while try scanner.nextMember()
    }
}
