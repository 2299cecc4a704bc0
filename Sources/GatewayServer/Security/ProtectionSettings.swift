public import GatewayCore

/// What holds off those who do too much, and those who are not wanted. `nil` is no limit.
public struct ProtectionSettings: Sendable {
    /// Messages and requests of one address.
    public var addressMessages: RateLimit? = RateLimit(rate: 10_000, burst: 10_000)
    /// KiB of messages of one address.
    public var addressBytes: RateLimit?
    /// KiB of messages of one client.
    public var clientBytes: RateLimit?
    /// Joins and subscriptions of one client.
    public var clientJoins: RateLimit? = RateLimit(rate: 50, burst: 1000)
    /// Joins and subscriptions of one address.
    public var addressJoins: RateLimit? = RateLimit(rate: 1000, burst: 10_000)
    /// Tokens of one address that turned out to be none.
    public var failedLogins: RateLimit? = RateLimit(rate: 0.2, burst: 20)
    /// Whatever one connection sends on its channels, acknowledgements and heartbeats included.
    public var connectionEvents: RateLimit? = RateLimit(rate: 10_000, burst: 10_000)
    /// Messages of all clients of the node.
    public var nodeMessages: RateLimit?
    /// What tokens of a tier may send in place of `rateLimit`.
    public var tiers: [String: RateLimit] = [:]
    /// Addresses that are told apart by each of these limits.
    public var maxAddresses = 100_000

    public var behavior = BehaviorRules()
    /// Connections of one address that pass unnoticed.
    public var unnoticedConnections = RateLimit(rate: 10, burst: 50)
    /// Entries of the blocklist and the allowlist together.
    public var maxListEntries = 10_000
    /// Whether only those may connect whom the allowlist names.
    public var allowlistOnly = false
    /// What the lists have at the start.
    public var listEntries: [AccessList.Entry] = []
    /// Keeps what the lists have; called with all of it, one call after the other, on any thread.
    public var saveListEntries: (@Sendable ([AccessList.Entry]) -> Void)?
    /// Actions of administrators that are remembered.
    public var maxAuditEntries = 1000
    /// Keeps an action of an administrator, as one line of JSON; called on any thread.
    public var saveAuditEntry: (@Sendable ([UInt8]) -> Void)?

    public init() {}
}

extension GatewaySettings {
    /// What a client may send: as the tier of its token says; `standard` without one, `trial` with one that nobody knows.
    func rateLimit(tier: String?) -> RateLimit {
        guard let tier else { return rateLimit }
        return protection.tiers[tier] ?? protection.tiers["trial"] ?? rateLimit
    }
}
