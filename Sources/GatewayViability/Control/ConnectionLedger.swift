public import GatewayCore

/// Who has how many connections, and may have one more: the rule that S1 goes by. A comparison where a connection begins,
/// nothing for a message. All event loops share it: which of them a client falls to is chance, and no reason to refuse it.
public struct ConnectionLedger: Sendable {
    /// Connections of all transports together.
    public private(set) var capacity: Int
    private var accounts = [PlaceAccount](repeating: PlaceAccount(), count: Transport.allCases.count)

    /// Nobody has anything, and whoever comes gets it on loan, up to `capacity`.
    public init(capacity: Int) { self.capacity = capacity }

    /// A connection that begins takes a place: one that is granted to its transport or, if those are taken, one that is
    /// granted to nobody.
    /// - Returns: whether there was one.
    public mutating func admit(_ transport: Transport) -> Bool {
        let index = Int(transport.rawValue)
        guard accounts.hasPlace(for: accounts[index], of: capacity) else {
            accounts[index].refused += 1
            return false
        }
        accounts[index].used += 1
        accounts[index].admitted += 1
        return true
    }

    /// A connection that was admitted has ended.
    public mutating func leave(_ transport: Transport) { correct(transport, by: -1) }

    /// An audit has found that a count was wrong.
    public mutating func correct(_ transport: Transport, by difference: Int) {
        accounts[Int(transport.rawValue)].used += difference
    }

    /// Other grants hold from now on. Who has more keeps it: taking back is another matter.
    public mutating func grant(_ grants: [Transport: PlaceGrant], of capacity: Int) {
        self.capacity = capacity
        for (transport, grant) in grants { accounts[Int(transport.rawValue)].grant(grant) }
    }

    /// Whether a transport that is refused a place has lent it: it comes back within the reclaim time.
    public func isLender(_ transport: Transport) -> Bool { accounts[Int(transport.rawValue)].isLender }

    /// Connections that a transport has.
    public func used(_ transport: Transport) -> Int { accounts[Int(transport.rawValue)].used }

    /// What a transport asks for by what it does: connections that it has, that were admitted and refused since the
    /// beginning.
    public func demand(_ transport: Transport) -> (used: Int, admitted: Int, refused: Int) {
        let account = accounts[Int(transport.rawValue)]
        return (account.used, account.admitted, account.refused)
    }
}
