public import GatewayCore

/// Whose tokens are taken. Without these settings nobody has to prove anything.
public struct AuthenticationSettings: Sendable {
    /// Checks tokens, where the request is: it must not wait for anything.
    public typealias Verify =
        @Sendable (_ token: String, _ now: Instant, _ time: Timestamp) -> Result<Principal, AuthenticationFailure>

    public var verify: Verify
    /// How long before its end a client is told.
    public var expiryNotice = Instant.Span.seconds(60)
    /// How long after its end a connection lives on.
    public var grace = Instant.Span.seconds(10)
    public var ticketLifetime = Instant.Span.seconds(30)
    public var maxTickets = 10_000
    public var maxRevocations = 100_000
    /// How long a revocation has to be remembered.
    public var maxTokenLifetime = Instant.Span.seconds(30 * 86_400)
    /// Whether `aud` is checked by `verify`; otherwise MCP endpoints do it themselves.
    public var checksAudience = false
    /// Who issues tokens for MCP endpoints.
    public var authorizationServers: [String] = []
    /// What was revoked before the gateway started.
    public var revocations: [RevocationList.Entry] = []
    /// Keeps what is revoked; called with all of it, one call after the other, on any thread.
    public var saveRevocations: (@Sendable ([RevocationList.Entry]) -> Void)?

    public init(verify: @escaping Verify) { self.verify = verify }
}
