import Crypto
import PhoenixProtocol
import WireJSON

/// Signs and checks the tokens of long-poll sessions (HMAC-SHA256), so that any node with the same secret can trust what
/// one of them says.
struct LongPollTokens: Sendable {
    private let key: SymmetricKey

    /// What every token starts with: clients may have a parameter `token` of their own.
    static let prefix = "lp1."

    /// - Parameter secret: shared by all nodes; without one the tokens are good in this process only.
    init(secret: String?) {
        guard let secret else {
            key = SymmetricKey(size: .bits256)
            return
        }
        // A key of its own: other uses of the secret can say nothing about it.
        let derived = HMAC<SHA256>.authenticationCode(
            for: Array("mcp-gateway long-poll token".utf8), using: SymmetricKey(data: Array(secret.utf8)))
        key = SymmetricKey(data: derived)
    }

    /// The text that a client holds.
    func text(_ token: LongPollToken) -> String {
        let bytes = token.bytes
        let signed = bytes + HMAC<SHA256>.authenticationCode(for: bytes, using: key)
        var text = Array(Self.prefix.utf8)
        signed.withUnsafeBytes { Base64.append($0, to: &text) }
        // The alphabet for addresses (RFC 4648 §5), without padding.
        text.removeAll { $0 == UInt8(ascii: "=") }
        for index in text.indices {
            if text[index] == UInt8(ascii: "+") { text[index] = UInt8(ascii: "-") }
            if text[index] == UInt8(ascii: "/") { text[index] = UInt8(ascii: "_") }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// What a client's text says; `nil` if no node with this secret has signed it, or its time is over.
    func token(_ text: String, now: Int64) -> LongPollToken? {
        guard text.hasPrefix(Self.prefix) else { return nil }
        let plain = text.utf8.dropFirst(Self.prefix.utf8.count).map { byte in
            switch byte {
            case UInt8(ascii: "-"): UInt8(ascii: "+")
            case UInt8(ascii: "_"): UInt8(ascii: "/")
            // Not of this alphabet.
            case UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="): UInt8(ascii: " ")
            default: byte
            }
        }
        guard let signed = Base64.decode(plain), signed.count > SHA256.byteCount else { return nil }
        let bytes = Array(signed.dropLast(SHA256.byteCount))
        guard
            HMAC<SHA256>.isValidAuthenticationCode(
                Array(signed.suffix(SHA256.byteCount)), authenticating: bytes, using: key),
            let token = LongPollToken(bytes), token.expiresAt > now
        else { return nil }
        return token
    }
}
