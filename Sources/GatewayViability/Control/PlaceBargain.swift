public import GatewayCore

/// The resource bargain of S3 for connections, among transports.
public typealias ConnectionBargain = PlaceBargain<Transport>
/// The same for what servers share, processes or connections, by the names of the servers.
public typealias ServerBargain = PlaceBargain<String>

/// A resource bargain of S3 for what is counted: the node offers what it has, units ask for what they need, and get what is
/// fair, never less than their floor. What one does not need others may have on loan, and it is called back over a bounded
/// time once it is needed. Samples in, grants out: a value without a clock.
public struct PlaceBargain<Unit: Hashable & Comparable & Sendable>: Sendable {
    /// What one unit has been using and missing.
    public struct Demand: Equatable, Sendable {
        /// Places that it has.
        public var used: Int
        /// Places that were taken, and that were refused for want of a grant, since the beginning.
        public var admitted: Int
        public var refused: Int
        /// More than this it may never have.
        public var limit: Int
        /// Places that it is expected to use soon: as far as its floor goes they are asked for now.
        public var expected = 0

        /// What has been counted.
        public init(used: Int, admitted: Int = 0, refused: Int = 0, limit: Int = .max) {
            self.used = used
            self.admitted = admitted
            self.refused = refused
            self.limit = limit
        }
    }

    /// How one unit stands.
    public struct Account: Equatable, Sendable {
        public var floor = 0
        public var asked = 0
        public var granted = 0
        public var used = 0
        /// The part of its floor that others may have.
        public var lent = 0
        /// What it has beyond its grant.
        public var borrowed = 0
        /// Places that it is to give back now, because the time of its loan is passing.
        public var recalled = 0
        /// Places that were refused for want of a grant, since the beginning.
        public var refused = 0
    }

    /// A loan that has been called back.
    private struct Recall: Sendable {
        let since: Instant
        let used: Int
    }

    /// What a unit has missed of late.
    private struct Wish: Sendable {
        var admitted = 0
        var refused = 0
        var missing = 0
        var until = Instant.zero
    }

    /// What there is for a unit in any case.
    struct Floor: Equatable, Sendable {
        let places: Int
        /// The part of it that is never lent.
        var kept = 0
    }

    /// How each unit stands.
    public private(set) var accounts: [Unit: Account] = [:]
    /// Places of all units together.
    public private(set) var capacity = 0
    /// Loans that were called back since the beginning, and those that have come back.
    public private(set) var recalls = (called: 0, settled: 0)
    let settings: ControlSettings
    public let resource: Loan.Resource
    /// The name that a unit has in reports.
    let unitName: @Sendable (Unit) -> String
    private var open: [Unit: Recall] = [:]
    private var wishes: [Unit: Wish] = [:]

    /// Nobody has asked for anything.
    init(_ settings: ControlSettings, _ resource: Loan.Resource, name: @escaping @Sendable (Unit) -> String) {
        self.settings = settings
        self.resource = resource
        unitName = name
    }

    /// What each unit may have.
    public var grants: [Unit: PlaceGrant] {
        accounts.mapValues { PlaceGrant(places: $0.granted, floor: $0.floor) }
    }

    /// What each unit is to give back now.
    public var recalled: [Unit: Int] { accounts.mapValues(\.recalled).filter { $0.value > 0 } }

    /// Asks, grants, calls back.
    mutating func settle(
        capacity: Int, _ demands: [Unit: Demand], floors: [Unit: Floor], now: Instant
    ) -> [ViableEvent] {
        self.capacity = capacity
        if accounts.contains(where: { demands[$0.key] == nil }) { forget { demands[$0] == nil } }
        let units = demands.keys.sorted()
        for unit in units { ask(unit, demands[unit]!, floors[unit] ?? Floor(places: 0), now) }
        let claims = units.map { unit in
            let account = accounts[unit]!
            return FairShare.Claim(floor: account.floor - account.lent, asked: account.asked)
        }
        for (unit, share) in zip(units, FairShare.shares(of: capacity, among: claims)) {
            accounts[unit]!.granted = share
            accounts[unit]!.borrowed = max(0, accounts[unit]!.used - share)
        }
        return callBack(units, now)
    }

    /// Units that are there no more, and have nothing, have no account.
    private mutating func forget(_ isGone: (Unit) -> Bool) {
        for unit in accounts.keys where isGone(unit) {
            accounts[unit] = nil
            wishes[unit] = nil
            if open.removeValue(forKey: unit) != nil { recalls.settled += 1 }
        }
    }

    private mutating func ask(_ unit: Unit, _ demand: Demand, _ floor: Floor, _ now: Instant) {
        var wish = wishes[unit] ?? Wish()
        // Who was refused comes back later: the wish stays until it has been heard, or nobody comes any more.
        if now >= wish.until { wish.missing = 0 }
        wish.missing = max(0, wish.missing - (demand.admitted - wish.admitted))
        if demand.refused > wish.refused {
            wish.missing = max(wish.missing, demand.refused - wish.refused)
            wish.until = now + Instant.Span(nanoseconds: settings.reclaimTime.nanoseconds * 2)
        }
        wish.admitted = demand.admitted
        wish.refused = demand.refused
        wishes[unit] = wish
        var account = Account()
        account.used = demand.used
        account.refused = demand.refused
        account.floor = min(floor.places, demand.limit)
        let wanted = max(demand.used + wish.missing, min(demand.expected, account.floor))
        account.asked = min(wanted, max(demand.limit, demand.used))
        account.lent = min(
            Int(Double(max(0, account.floor - account.asked)) * settings.lent), max(0, account.floor - floor.kept))
        accounts[unit] = account
    }

    /// Where others miss what they are granted, because it is lent, those that have borrowed give it back: in a straight line
    /// from what they had when it was called, to nothing when the time is over.
    private mutating func callBack(_ units: [Unit], _ now: Instant) -> [ViableEvent] {
        let missing = units.reduce(0) { sum, unit in
            let account = accounts[unit]!
            return sum + max(0, min(account.granted, account.asked) - account.used)
        }
        let free = max(0, capacity - units.reduce(0) { $0 + accounts[$1]!.used })
        let shortage = max(0, missing - free)
        var left = shortage
        var events: [ViableEvent] = []
        for unit in units {
            let account = accounts[unit]!
            guard shortage > 0, account.borrowed > 0 else {
                if let recall = open.removeValue(forKey: unit) {
                    recalls.settled += 1
                    events.append(loan(unit, isCalled: false, now - recall.since))
                }
                continue
            }
            if open[unit] == nil {
                open[unit] = Recall(since: now, used: account.used)
                recalls.called += 1
                events.append(loan(unit, isCalled: true, settings.reclaimTime))
            }
            let recall = open[unit]!
            let part = min(1, (now - recall.since).seconds / max(0.001, settings.reclaimTime.seconds))
            let allowed = recall.used - Int((Double(recall.used - account.granted) * part).rounded(.down))
            let back = min(max(0, account.used - allowed), left)
            accounts[unit]!.recalled = back
            left -= back
        }
        return events
    }

    private func loan(_ unit: Unit, isCalled: Bool, _ time: Instant.Span) -> ViableEvent {
        .loan(
            Loan(
                resource: resource, unit: unitName(unit), isCalled: isCalled,
                amount: accounts[unit]!.borrowed, time: time))
    }
}

extension PlaceBargain where Unit == Transport {
    /// Nobody has asked for anything.
    public init(_ settings: ControlSettings) { self.init(settings, .connections) { $0.name } }

    /// Asks, grants, calls back; floors are shares of the whole.
    public mutating func settle(capacity: Int, _ demands: [Unit: Demand], now: Instant) -> [ViableEvent] {
        let floors = Dictionary(
            uniqueKeysWithValues: demands.keys.map {
                ($0, Floor(places: settings.floor(of: $0, capacity: capacity)))
            })
        return settle(capacity: capacity, demands, floors: floors, now: now)
    }
}

extension PlaceBargain where Unit == String {
    /// Nobody has asked for anything.
    /// - Parameter resource: what servers share.
    public init(_ settings: ControlSettings, _ resource: Loan.Resource) {
        self.init(settings, resource) { UnitID.upstream($0).name }
    }

    /// Asks, grants, calls back; one share of the whole is split evenly into floors. A server that is configured no more has
    /// the limit 0, and none.
    public mutating func settle(capacity: Int, _ demands: [Unit: Demand], now: Instant) -> [ViableEvent] {
        let servers = demands.filter { $0.value.limit > 0 }
        let share = settings.serverFloors[resource] ?? 0
        // One place is there for each server, so that its first client gets in; unless there are fewer than servers.
        let each = servers.count > capacity ? 0 : max(1, Int(Double(capacity) * share) / max(1, servers.count))
        return settle(
            capacity: capacity, demands, floors: servers.mapValues { _ in Floor(places: each, kept: 1) }, now: now)
    }
}
