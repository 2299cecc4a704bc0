/// Which server has how many processes or connections, and may have one more: the rule that S1 goes by where one is begun,
/// and nowhere else. All event loops share it.
public struct ServerLedger: Sendable {
    /// Places of all servers together.
    public let capacity: Int
    private var accounts: [String: PlaceAccount] = [:]
    /// Those that are being given back because they belong to others.
    private var ending: [String: Int] = [:]

    /// Why a server may not have one more.
    public enum Refusal: Equatable, Sendable {
        /// It has what it may have.
        case usedUp
        /// What it may have is lent, and comes back; most of it to this server.
        case lent(to: String?)
    }

    /// Nobody has anything, and whoever comes gets it on loan, up to `capacity`.
    public init(capacity: Int) { self.capacity = capacity }

    /// What is to begin takes a place: one that is granted to its server or, if those are taken, one that is granted to
    /// nobody.
    /// - Parameter again: whether it has been refused before; that counts once.
    /// - Returns: why there is none; `nil` if there was one.
    public mutating func admit(_ server: String, again: Bool = false) -> Refusal? {
        let account = accounts[server] ?? PlaceAccount()
        guard accounts.values.hasPlace(for: account, of: capacity) else {
            if !again { accounts[server, default: PlaceAccount()].refused += 1 }
            guard account.isLender else { return .usedUp }
            let others = accounts.filter { $0.key != server && $0.value.borrowed > 0 }
            return .lent(to: others.max { ($0.value.borrowed, $1.key) < ($1.value.borrowed, $0.key) }?.key)
        }
        accounts[server, default: PlaceAccount()].used += 1
        accounts[server]!.admitted += 1
        return nil
    }

    /// A server is giving one back because it belongs to others.
    public mutating func ends(_ server: String) { ending[server, default: 0] += 1 }

    /// What was admitted is gone.
    /// - Parameter wasEnding: whether that was because its place belongs to others.
    public mutating func leave(_ server: String, wasEnding: Bool = false) {
        accounts[server]?.used -= 1
        guard wasEnding, let left = ending[server] else { return }
        ending[server] = left > 1 ? left - 1 : nil
    }

    /// Other grants hold from now on. Who has more keeps it: taking back is another matter.
    public mutating func grant(_ grants: [String: PlaceGrant]) {
        accounts = accounts.filter { grants[$0.key] != nil || $0.value.used > 0 }
        for server in accounts.keys where grants[server] == nil {
            accounts[server]!.grant(PlaceGrant(places: 0, floor: 0))
        }
        for (server, grant) in grants { accounts[server, default: PlaceAccount()].grant(grant) }
    }

    /// How many more a server is to give back than it is giving back already.
    public func outstanding(_ server: String, of recalled: Int) -> Int {
        max(0, recalled - (ending[server] ?? 0))
    }

    /// What servers ask for by what they do.
    /// - Parameter servers: those that there are; of others, those are told of that have places still.
    public func demands(of servers: [String]) -> [String: ServerBargain.Demand] {
        var demands: [String: ServerBargain.Demand] = [:]
        for (server, account) in accounts where account.used > 0 {
            demands[server] = Self.demand(account, limit: 0)
        }
        for server in servers { demands[server] = Self.demand(accounts[server] ?? PlaceAccount(), limit: capacity) }
        return demands
    }

    private static func demand(_ account: PlaceAccount, limit: Int) -> ServerBargain.Demand {
        .init(used: account.used, admitted: account.admitted, refused: account.refused, limit: limit)
    }
}
