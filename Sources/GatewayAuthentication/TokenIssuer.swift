import Crypto
public import GatewayCore
import WireJSON

/// Makes tokens with a shared secret (HS256), for trying things out and for back ends in Swift.
public struct TokenIssuer: Sendable {
    private let key: SymmetricKey

    public init(secret: String) { key = SymmetricKey(data: Array(secret.utf8)) }

    /// - Returns: a token for `principal`.
    public func token(for principal: Principal, audience: String? = nil) -> String {
        let header = TokenText.encode(Array(#"{"alg":"HS256","typ":"JWT"}"#.utf8))
        let payload = JSONWriter.object { writer in
            writer.member("sub", principal.subject)
            if let end = principal.expiresAt { writer.member("exp", end.milliseconds / 1000) }
            if let issued = principal.issuedAt { writer.member("iat", issued.milliseconds / 1000) }
            if let id = principal.tokenID { writer.member("jti", id) }
            if let issuer = principal.issuer { writer.member("iss", issuer) }
            if let audience { writer.member("aud", audience) }
            if let tier = principal.tier { writer.member("tier", tier) }
            writer.key("capabilities")
            writer.array { writer in for text in principal.capabilities.texts { writer.value(text) } }
        }
        let signed = header + "." + TokenText.encode(payload)
        let signature = HMAC<SHA256>.authenticationCode(for: Array(signed.utf8), using: key)
        return signed + "." + TokenText.encode(Array(signature))
    }
}
