/// Who somebody is and what they may do, as a token has proven.
public struct Principal: Hashable, Sendable {
    /// The token's `sub`: the client id that it binds.
    public let subject: String
    /// How much somebody may send; `nil` if the token says nothing of it.
    public let tier: String?
    public let capabilities: Capabilities
    /// When the token ends; `nil` if it does not.
    public let expiresAt: Timestamp?
    /// When it was issued; `nil` if it does not say.
    public let issuedAt: Timestamp?
    /// The token's `jti`.
    public let tokenID: String?
    /// Who issued it: the same subject of two issuers is two people.
    public let issuer: String?
    /// For whom it was issued (`aud`); empty if the token does not say.
    public let audiences: [String]

    public init(
        subject: String, tier: String? = nil, capabilities: Capabilities = Capabilities(), expiresAt: Timestamp? = nil,
        issuedAt: Timestamp? = nil, tokenID: String? = nil, issuer: String? = nil,
        audiences: [String] = []
    ) {
        self.subject = subject
        self.tier = tier
        self.capabilities = capabilities
        self.expiresAt = expiresAt
        self.issuedAt = issuedAt
        self.tokenID = tokenID
        self.issuer = issuer
        self.audiences = audiences
    }

    /// Whoever shows the administrator's token.
    public static let administrator = Principal(subject: "admin", capabilities: .all)

    /// Whether it may act as `client`: as itself, and back ends as anybody.
    public func mayBe(_ client: ClientID) -> Bool { subject == client.text || capabilities.allow(.service) }

    /// Whether two tokens prove the same person.
    public func isSamePerson(as other: Principal) -> Bool { subject == other.subject && issuer == other.issuer }
}

/// Why nobody was let in. What the client is told is coarser: whoever guesses is to learn nothing.
public enum AuthenticationFailure: String, Error, Sendable, CaseIterable {
    /// There was no token where one is needed.
    case missing
    /// Not a token at all, or longer than one may be.
    case malformed
    /// Its algorithm is none that a key is pinned to; `none` never is.
    case algorithm
    /// It names a key that nobody has, or the keys cannot be had.
    case unknownKey = "unknown_key"
    case signature
    case expired
    /// `nbf` or `iat` lies ahead.
    case notYetValid = "not_yet_valid"
    case issuer
    case audience
    /// A claim is missing or not what it must be.
    case claims
    case revoked
    /// A ticket that nobody was given, or that has been used, or whose time is over.
    case ticket
    /// The token is another client's.
    case wrongClient = "wrong_client"
    /// Not the administrator's token.
    case administrator

    /// The `reason` that the client is told (contract §7).
    public var reason: String {
        switch self {
        case .expired: "token_expired"
        case .revoked: "token_revoked"
        default: "invalid_token"
        }
    }
}
