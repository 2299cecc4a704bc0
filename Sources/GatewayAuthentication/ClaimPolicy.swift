public import GatewayCore

/// What the claims of a token must say (RFC 7519 §4.1), and who its bearer is then.
public struct ClaimPolicy: Sendable {
    /// Issuers whose tokens are taken; empty: any that has a key.
    public var issuers: [String] = []
    /// What `aud` must name one of; empty: tokens that are for nobody in particular, or for anybody.
    public var audiences: [String] = []
    /// How far clocks may be apart.
    public var leeway = Instant.Span.seconds(0)
    /// A token that is good for longer is refused: what is revoked has to be remembered as long.
    public var maxLifetime = Instant.Span.seconds(30 * 86_400)
    /// What tokens may do that say nothing of it. `{sub}` stands for the subject.
    public var defaultCapabilities: [String] = []

    public init() {}

    func principal(_ claims: ClaimObject, now: Timestamp) throws(AuthenticationFailure) -> Principal {
        let leeway = leeway.milliseconds
        guard let subject = claims.text("sub"), (1...256).contains(subject.utf8.count) else { throw .claims }
        guard let end = claims.moment("exp") else { throw .claims }
        guard now.milliseconds < end.milliseconds + leeway else { throw .expired }
        guard end.milliseconds - now.milliseconds <= maxLifetime.milliseconds + leeway else { throw .claims }
        for name in ["nbf", "iat"] where claims.contains(name) {
            guard let begin = claims.moment(name) else { throw .claims }
            guard begin.milliseconds <= now.milliseconds + leeway else { throw .notYetValid }
        }
        let issuer = claims.text("iss")
        if claims.contains("iss"), issuer == nil { throw .claims }
        if !issuers.isEmpty {
            guard let issuer, issuers.contains(issuer) else { throw .issuer }
        }
        let named = try names(claims, "aud")
        if !audiences.isEmpty {
            guard let named, named.contains(where: audiences.contains) else { throw .audience }
        }
        if claims.contains("jti"), claims.text("jti") == nil { throw .claims }
        if claims.contains("tier"), claims.text("tier") == nil { throw .claims }
        return Principal(
            subject: subject, tier: claims.text("tier"), capabilities: try capabilities(claims, subject),
            expiresAt: Timestamp(milliseconds: end.milliseconds + leeway), issuedAt: claims.moment("iat"),
            tokenID: claims.text("jti"), issuer: issuer,
            audiences: named ?? [])
    }

    private func names(_ claims: ClaimObject, _ name: String) throws(AuthenticationFailure) -> [String]? {
        guard claims.contains(name) else { return nil }
        guard let list = claims.text(name).map({ [$0] }) ?? claims.texts(name) else { throw .claims }
        return list
    }

    /// From `capabilities`, a list, and from `scope`, a text with spaces (RFC 8693 §4.2). What is in neither form, such as
    /// other systems' scopes, gives nothing.
    private func capabilities(_ claims: ClaimObject, _ subject: String) throws(AuthenticationFailure) -> Capabilities {
        var texts: [String] = []
        var isSaid = false
        if claims.contains("capabilities") {
            guard let list = claims.texts("capabilities") else { throw .claims }
            texts += list
            isSaid = true
        }
        if claims.contains("scope") {
            guard let scope = claims.text("scope") else { throw .claims }
            texts += scope.split(separator: " ").map(String.init)
            isSaid = true
        }
        if !isSaid { texts = defaultCapabilities.map { $0.replacing("{sub}", with: subject) } }
        return Capabilities(texts.compactMap { Capability($0) })
    }
}
