extension GatewayConfiguration {
    /// Whose tokens are taken, and what they must say. On exactly when there is a key or `security.secret_key_base`.
    public struct Authentication: Sendable, Equatable {
        /// What tokens are checked with, beside `security.secret_key_base`.
        public var keys: [AuthenticationKey] = []
        /// Issuers whose tokens are taken; empty: any that has a key.
        public var issuers: [String] = []
        /// What `aud` must name one of; empty: anything.
        public var audiences: [String] = []
        /// How far clocks may be apart.
        public var leeway: Duration = .zero
        /// A token that is good for longer is refused.
        public var maxTokenLifetime: Duration = .seconds(30 * 86_400)
        /// What tokens may do that say nothing of it.
        public var defaultCapabilities: [String] = []
        /// How long before its end a client is told of it.
        public var expiryNotice: Duration = .seconds(60)
        /// How long after its end a connection lives on, for a fresh token.
        public var grace: Duration = .seconds(10)
        /// How long a ticket is good.
        public var ticketLifetime: Duration = .seconds(30)
        /// Tickets that are out at a time.
        public var maxTickets = 10_000
        /// Revocations that are remembered.
        public var maxRevocations = 100_000
        /// Time between two fetches of a key set while nothing happens.
        public var keySetRefresh: Duration = .seconds(600)
        /// Time between two fetches of a key set at the least.
        public var keySetPause: Duration = .seconds(10)
        /// How long a key set is used that cannot be fetched again.
        public var keySetStale: Duration = .seconds(86_400)
        /// Who issues tokens for `/mcp`; named to MCP clients.
        public var authorizationServers: [String] = []

        /// The defaults.
        public init() {}
    }

    /// Whether clients have to prove who they are.
    public var isAuthenticated: Bool { security.secretKeyBase != nil || !security.authentication.keys.isEmpty }
}

/// One entry of `security.authentication.keys`.
public enum AuthenticationKey: Sendable, Equatable {
    /// A public key in a PEM file, pinned to an algorithm.
    case file(String, algorithm: String, id: String?)
    /// A JSON Web Key Set, in a file or at an address.
    case keySet(String)

    /// The algorithms of public keys.
    public static let algorithms = [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
    ]
}
