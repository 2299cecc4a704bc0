/// What a unit may have of places that are counted.
public struct PlaceGrant: Equatable, Sendable {
    /// Places that are granted to it at present.
    public let places: Int
    /// Those that it can have in any case, once they have been called back from whom they were lent to.
    public let floor: Int

    public init(places: Int, floor: Int) {
        self.places = places
        self.floor = floor
    }
}

/// What a ledger keeps of one unit: what it has, and what it may have.
struct PlaceAccount: Sendable {
    var used = 0
    var granted = 0
    var floor = 0
    /// Since the beginning.
    var refused = 0
    var admitted = 0

    var borrowed: Int { max(0, used - granted) }

    /// Whether it has lent what it misses: that comes back.
    var isLender: Bool { used < max(granted, floor) }

    /// Other grants hold from now on.
    mutating func grant(_ grant: PlaceGrant) {
        granted = grant.places
        floor = grant.floor
    }
}

extension Collection<PlaceAccount> {
    /// Whether there is a place for one of these: one that is granted to it or, if those are taken, one that is granted to
    /// nobody.
    func hasPlace(for account: PlaceAccount, of capacity: Int) -> Bool {
        guard reduce(0, { $0 + $1.used }) < capacity else { return false }
        if account.used < account.granted { return true }
        let free = Swift.max(0, capacity - reduce(0) { $0 + $1.granted })
        return reduce(0) { $0 + $1.borrowed } < free
    }
}
