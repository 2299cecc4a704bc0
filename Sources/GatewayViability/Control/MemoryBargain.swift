public import GatewayCore

/// The resource bargain of S3 for memory: when the first step of the overload ladder is due, who holds more than is fair
/// takes it, and who does not is spared. The steps behind it are the node's: memory that is gone is gone for all.
/// Samples in, standings out: a value without a clock.
public struct MemoryBargain: Sendable {
    /// How one transport stands.
    public struct Account: Equatable, Sendable {
        public var floor = 0
        public var asked = 0
        public var granted = 0
        public var used = 0
        /// Whether it holds more than its grant and its floor.
        public var isOver = false

        /// What it holds beyond its grant.
        public var borrowed: Int { max(0, used - granted) }
    }

    /// What the overload ladder takes from a transport.
    public enum Standing: UInt8, Sendable {
        /// The same as from all.
        case ordinary
        /// New connections are let in until messages are refused: others have taken what is missing.
        case spared
        /// With new connections its readers that are behind are cut short: it has taken what others miss.
        case over
    }

    /// How each transport stands; empty while there is enough for all.
    public private(set) var accounts: [Transport: Account] = [:]
    /// What transports share: what is left of the memory before the first step by everything that is none of theirs.
    public private(set) var capacity = 0
    /// Since when each transport has been over.
    private var since: [Transport: Instant] = [:]
    /// How often a transport was found to be over since the beginning, and how often that has ended.
    public private(set) var recalls = (called: 0, settled: 0)
    private let settings: ControlSettings

    /// Nobody holds anything.
    public init(_ settings: ControlSettings) { self.settings = settings }

    /// Below this part of the budget, in percent, nobody need look at what connections hold.
    public static let leastPercent = 60

    /// What the ladder takes from each transport from now on.
    public var standings: [Transport: Standing] {
        let isAnybodyOver = accounts.values.contains(where: \.isOver)
        return Dictionary(
            uniqueKeysWithValues: Transport.allCases.map { transport in
                guard isAnybodyOver else { return (transport, .ordinary) }
                return (transport, accounts[transport]?.isOver == true ? .over : .spared)
            })
    }

    /// Asks, grants, calls back.
    /// - Parameters:
    ///   - held: bytes that each transport holds for its clients; `nil` if nobody has looked.
    ///   - memory: bytes that the process has in use, and is to do with.
    public mutating func settle(
        held: [Transport: Int]?, memory: (used: Int, budget: Int), now: Instant
    ) -> [ViableEvent] {
        // The step ends as far below its beginning as the ladder says: who is over is so until then.
        let first = memory.budget / 100 * (OverloadLadder.Step.connections.percent - OverloadLadder.hysteresis)
        var held = held ?? [:]
        // Messages that several clients wait for are there once: what is held cannot be more than what is used.
        let sum = held.values.reduce(0, +)
        if sum > memory.used {
            held = held.mapValues { Int(Double($0) / Double(sum) * Double(max(0, memory.used))) }
        }
        let others = max(0, memory.used - held.values.reduce(0, +))
        capacity = max(0, first - others)
        let transports = held.keys.sorted()
        let claims = transports.map { transport in
            FairShare.Claim(floor: min(held[transport]!, floor(transport, first)), asked: held[transport]!)
        }
        accounts = [:]
        for (index, share) in FairShare.shares(of: capacity, among: claims).enumerated() {
            let transport = transports[index]
            var account = Account()
            account.floor = floor(transport, first)
            account.used = held[transport]!
            account.asked = account.used
            account.granted = share
            account.isOver = account.used > max(share, account.floor)
            accounts[transport] = account
        }
        return Transport.allCases.compactMap { tell($0, now) }
    }

    private func floor(_ transport: Transport, _ first: Int) -> Int {
        settings.floor(of: transport, capacity: first)
    }

    private mutating func tell(_ transport: Transport, _ now: Instant) -> ViableEvent? {
        let isOver = accounts[transport]?.isOver == true
        let begun = since[transport]
        guard isOver != (begun != nil) else { return nil }
        since[transport] = isOver ? now : nil
        if isOver { recalls.called += 1 } else { recalls.settled += 1 }
        return .loan(
            Loan(
                resource: .memory, transport: transport, isCalled: isOver, amount: accounts[transport]?.borrowed ?? 0,
                // It is called back at once: memory that is short cannot wait.
                time: begun.map { now - $0 } ?? .seconds(0)))
    }
}
