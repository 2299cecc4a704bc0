extension SettingTable {
    private static let days = SettingKind<Duration>.duration(.milliseconds(100)...(.seconds(365 * 86_400)))
    private static let shortly = SettingKind<Duration>.duration(.zero ... .seconds(3_600))
    private static let texts = SettingKind<[String]>.list("a text or a list of them", of: .plainText)

    /// The section `security.authentication`.
    static let authentication: [Setting] = [
        Setting(
            "security.authentication.keys", \.security.authentication.keys, .authenticationKeys,
            "What tokens are checked with; turns authentication on"),
        Setting(
            "security.authentication.issuers", \.security.authentication.issuers, texts,
            "Issuers (`iss`) whose tokens are taken; empty: any that has a key"),
        Setting(
            "security.authentication.audiences", \.security.authentication.audiences, texts,
            "What `aud` must name one of; empty: anything, and for MCP the endpoint's own address"),
        Setting(
            "security.authentication.leeway", \.security.authentication.leeway,
            .duration(.zero ... .seconds(60)), "How far the clocks of issuers and of the gateway may be apart"),
        Setting(
            "security.authentication.max_token_lifetime", \.security.authentication.maxTokenLifetime, days,
            "A token that is good for longer is refused; revocations are remembered as long"),
        Setting(
            "security.authentication.default_capabilities", \.security.authentication.defaultCapabilities, texts,
            "What tokens may do that name no capabilities; `{sub}` stands for the subject"),
        Setting(
            "security.authentication.expiry_notice", \.security.authentication.expiryNotice, shortly,
            "How long before the end of its token a client is told (token_expiring)"),
        Setting(
            "security.authentication.grace", \.security.authentication.grace, shortly,
            "How long after the end of its token a connection lives on"),
        Setting(
            "security.authentication.ticket_lifetime", \.security.authentication.ticketLifetime,
            .duration(.milliseconds(100)...(.seconds(300))), "How long a ticket is good"),
        Setting(
            "security.authentication.max_tickets", \.security.authentication.maxTickets, .integer(1...1_000_000),
            "Tickets that are out at a time"),
        Setting(
            "security.authentication.max_revocations", \.security.authentication.maxRevocations,
            .integer(1...10_000_000), "Revocations that are remembered"),
        Setting(
            "security.authentication.key_set_refresh", \.security.authentication.keySetRefresh, days,
            "Time between two fetches of a key set while nothing happens"),
        Setting(
            "security.authentication.key_set_pause", \.security.authentication.keySetPause, days,
            "Time between two fetches of a key set at the least, whatever tokens name"),
        Setting(
            "security.authentication.key_set_stale", \.security.authentication.keySetStale, days,
            "How long a key set is used that cannot be fetched again"),
        Setting(
            "security.authentication.authorization_servers", \.security.authentication.authorizationServers,
            .list("a URL or a list of them", of: .url), "Who issues tokens for /mcp; named to MCP clients"),
    ]
}

extension SettingKind where Value == String {
    /// A short text.
    static var plainText: SettingKind {
        .scalar(
            "a text of 1 to 512 characters",
            parse: {
                (1...512).contains($0.text.utf8.count) && $0.text.withoutControlCharacters == $0.text ? $0.text : nil
            }, show: { ShownValue(string: $0) })
    }
}
