/// What a token says, whoever wrote it: for people who look at one. Nothing of it is proven.
public struct UncheckedToken: Sendable {
    /// The header, a JSON text.
    public let header: [UInt8]
    /// The claims, a JSON text.
    public let claims: [UInt8]
    /// The claim `jti`.
    public let tokenID: String?
    /// The claim `sub`.
    public let subject: String?

    /// - Returns: `nil` if the text is no token.
    public init?(_ text: String) {
        guard (try? TokenText(text)) != nil else { return nil }
        let parts = text.split(separator: ".")
        guard let header = TokenText.decode(parts[0]), let claims = TokenText.decode(parts[1]),
            let members = try? ClaimObject(claims)
        else { return nil }
        self.header = header
        self.claims = claims
        tokenID = members.text("jti")
        subject = members.text("sub")
    }
}
