public import GatewayCore

/// The resource bargain of S3 for connections: the node offers what it has, transports ask for what they need, and get what
/// is fair, never less than their floor. What one does not need others may have on loan, and it is called back over a
/// bounded time once it is needed. Samples in, grants out: a value without a clock.
public struct ConnectionBargain: Sendable {
    /// What one transport has been using and missing.
    public struct Demand: Equatable, Sendable {
        /// Connections that it has.
        public var used: Int
        /// Connections that have begun, and that were refused for want of a grant, since the beginning.
        public var admitted: Int
        public var refused: Int
        /// More than this it may never have.
        public var limit: Int

        /// What has been counted.
        public init(used: Int, admitted: Int = 0, refused: Int = 0, limit: Int = .max) {
            self.used = used
            self.admitted = admitted
            self.refused = refused
            self.limit = limit
        }
    }

    /// How one transport stands.
    public struct Account: Equatable, Sendable {
        public var floor = 0
        public var asked = 0
        public var granted = 0
        public var used = 0
        /// The part of its floor that others may have.
        public var lent = 0
        /// What it has beyond its grant.
        public var borrowed = 0
        /// Connections that it is to give back now, because the time of its loan is passing.
        public var recalled = 0
        /// Connections that were refused for want of a grant, since the beginning.
        public var refused = 0
    }

    /// A loan that has been called back.
    private struct Recall: Sendable {
        let since: Instant
        let used: Int
    }

    /// What a transport has missed of late.
    private struct Wish: Sendable {
        var admitted = 0
        var refused = 0
        var missing = 0
        var until = Instant.zero
    }

    /// How each transport stands.
    public private(set) var accounts: [Transport: Account] = [:]
    /// Connections of all transports together.
    public private(set) var capacity = 0
    /// Loans that were called back since the beginning, and those that have come back.
    public private(set) var recalls = (called: 0, settled: 0)
    private let settings: ControlSettings
    private var open: [Transport: Recall] = [:]
    private var wishes: [Transport: Wish] = [:]

    /// Nobody has asked for anything.
    public init(_ settings: ControlSettings) { self.settings = settings }

    /// What each transport may have.
    public var grants: [Transport: ConnectionLedger.Grant] {
        accounts.mapValues { ConnectionLedger.Grant(places: $0.granted, floor: $0.floor) }
    }

    /// What each transport is to give back now.
    public var recalled: [Transport: Int] { accounts.mapValues(\.recalled).filter { $0.value > 0 } }

    /// Asks, grants, calls back.
    public mutating func settle(
        capacity: Int, _ demands: [Transport: Demand], now: Instant
    ) -> [ViableEvent] {
        self.capacity = capacity
        let transports = demands.keys.sorted()
        for transport in transports { ask(transport, demands[transport]!, now) }
        let claims = transports.map { transport in
            let account = accounts[transport]!
            return FairShare.Claim(floor: account.floor - account.lent, asked: account.asked)
        }
        for (transport, share) in zip(transports, FairShare.shares(of: capacity, among: claims)) {
            accounts[transport]!.granted = share
            accounts[transport]!.borrowed = max(0, accounts[transport]!.used - share)
        }
        return callBack(transports, now)
    }

    private mutating func ask(_ transport: Transport, _ demand: Demand, _ now: Instant) {
        var wish = wishes[transport] ?? Wish()
        // Who was refused comes back later: the wish stays until it has been heard, or nobody comes any more.
        if now >= wish.until { wish.missing = 0 }
        wish.missing = max(0, wish.missing - (demand.admitted - wish.admitted))
        if demand.refused > wish.refused {
            wish.missing = max(wish.missing, demand.refused - wish.refused)
            wish.until = now + Instant.Span(nanoseconds: settings.reclaimTime.nanoseconds * 2)
        }
        wish.admitted = demand.admitted
        wish.refused = demand.refused
        wishes[transport] = wish
        var account = Account()
        account.used = demand.used
        account.refused = demand.refused
        account.floor = min(settings.floor(of: transport, capacity: capacity), demand.limit)
        account.asked = min(demand.used + wish.missing, max(demand.limit, demand.used))
        account.lent = Int(Double(max(0, account.floor - account.asked)) * settings.lent)
        accounts[transport] = account
    }

    /// Where others miss what they are granted, because it is lent, those that have borrowed give it back: in a straight line
    /// from what they had when it was called, to nothing when the time is over.
    private mutating func callBack(_ transports: [Transport], _ now: Instant) -> [ViableEvent] {
        let missing = transports.reduce(0) { sum, transport in
            let account = accounts[transport]!
            return sum + max(0, min(account.granted, account.asked) - account.used)
        }
        let free = max(0, capacity - transports.reduce(0) { $0 + accounts[$1]!.used })
        let shortage = max(0, missing - free)
        var left = shortage
        var events: [ViableEvent] = []
        for transport in transports {
            let account = accounts[transport]!
            guard shortage > 0, account.borrowed > 0 else {
                if let recall = open.removeValue(forKey: transport) {
                    recalls.settled += 1
                    events.append(loan(transport, isCalled: false, now - recall.since))
                }
                continue
            }
            if open[transport] == nil {
                open[transport] = Recall(since: now, used: account.used)
                recalls.called += 1
                events.append(loan(transport, isCalled: true, settings.reclaimTime))
            }
            let recall = open[transport]!
            let part = min(1, (now - recall.since).seconds / max(0.001, settings.reclaimTime.seconds))
            let allowed = recall.used - Int((Double(recall.used - account.granted) * part).rounded(.down))
            let back = min(max(0, account.used - allowed), left)
            accounts[transport]!.recalled = back
            left -= back
        }
        return events
    }

    private func loan(_ transport: Transport, isCalled: Bool, _ time: Instant.Span) -> ViableEvent {
        .loan(
            Loan(
                resource: .connections, transport: transport, isCalled: isCalled,
                amount: accounts[transport]!.borrowed, time: time))
    }
}
