/// Which server has how many processes, and may have one more: the rule that S1 goes by where a process is started, and
/// nowhere else. All event loops share it.
public struct ProcessLedger: Sendable {
    /// Processes of all servers together.
    public let capacity: Int
    private var accounts: [String: Account] = [:]

    private struct Account: Sendable {
        var used = 0
        /// Those among them that are being stopped.
        var ending = 0
        var granted = 0
        var floor = 0
        var refused = 0
        var admitted = 0

        var borrowed: Int { max(0, used - granted) }
    }

    /// Why a server may not start one more.
    public enum Refusal: Equatable, Sendable {
        /// It has what it may have.
        case usedUp
        /// What it may have is lent, and comes back; most of it to this server.
        case lent(to: String?)
    }

    /// Nobody has anything, and whoever comes gets it on loan, up to `capacity`.
    public init(capacity: Int) { self.capacity = capacity }

    /// A process that is to start takes a place: one that is granted to its server or, if those are taken, one that is
    /// granted to nobody.
    /// - Returns: why there is none; `nil` if there was one.
    public mutating func admit(_ server: String) -> Refusal? {
        let account = accounts[server] ?? Account()
        let used = accounts.values.reduce(0) { $0 + $1.used }
        let borrowed = accounts.values.reduce(0) { $0 + $1.borrowed }
        guard used < capacity, account.used < account.granted || borrowed < free else {
            accounts[server, default: Account()].refused += 1
            guard account.used < max(account.granted, account.floor) else { return .usedUp }
            let others = accounts.filter { $0.key != server && $0.value.borrowed > 0 }
            return .lent(to: others.max { ($0.value.borrowed, $1.key) < ($1.value.borrowed, $0.key) }?.key)
        }
        accounts[server, default: Account()].used += 1
        accounts[server]!.admitted += 1
        return nil
    }

    /// A process of a server is being stopped because its place belongs to others.
    public mutating func ends(_ server: String) { accounts[server]?.ending += 1 }

    /// A process that was admitted is gone.
    /// - Parameter wasEnding: whether that was because its place belongs to others.
    public mutating func leave(_ server: String, wasEnding: Bool = false) {
        accounts[server]?.used -= 1
        if wasEnding { accounts[server]?.ending -= 1 }
    }

    /// Other grants hold from now on. Who has more keeps it: taking back is another matter.
    public mutating func grant(_ grants: [String: PlaceGrant]) {
        accounts = accounts.filter { grants[$0.key] != nil || $0.value.used > 0 }
        for server in accounts.keys where grants[server] == nil {
            accounts[server]!.granted = 0
            accounts[server]!.floor = 0
        }
        for (server, grant) in grants {
            accounts[server, default: Account()].granted = grant.places
            accounts[server]!.floor = grant.floor
        }
    }

    /// How many more of a server's processes are to be stopped, of those that it is to give back.
    public func outstanding(_ server: String, of recalled: Int) -> Int {
        max(0, recalled - (accounts[server]?.ending ?? 0))
    }

    /// What servers ask for by what they do.
    /// - Parameter servers: those that there are; of others, those are told of that have processes still.
    public func demands(of servers: [String]) -> [String: ProcessBargain.Demand] {
        var demands: [String: ProcessBargain.Demand] = [:]
        for (server, account) in accounts where account.used > 0 {
            demands[server] = Self.demand(account, limit: 0)
        }
        for server in servers { demands[server] = Self.demand(accounts[server] ?? Account(), limit: capacity) }
        return demands
    }

    private static func demand(_ account: Account, limit: Int) -> ProcessBargain.Demand {
        .init(used: account.used, admitted: account.admitted, refused: account.refused, limit: limit)
    }

    /// Places that are granted to nobody.
    private var free: Int { max(0, capacity - accounts.values.reduce(0) { $0 + $1.granted }) }
}
