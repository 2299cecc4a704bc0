/// What a pool says of itself; the requirements' `health_check`.
public struct PoolHealth: Equatable, Sendable {
    public enum Status: String, Equatable, Sendable {
        /// Nobody waits.
        case healthy
        /// Somebody waits while more is being opened or could be.
        case degraded
        /// Everything is lent and somebody waits.
        case exhausted
    }

    public var status: Status
    /// `pool_size`: how many resources are kept.
    public var size: Int
    /// How many of `size` are not lent and not being opened for somebody, whether they are open or not.
    public var available: Int
    /// How many are open beyond `size`.
    public var overflow: Int
    /// How many requests wait.
    public var queueLength: Int
    /// `avg_checkout_time`: from a request to its lease, over about the last 128.
    public var averageCheckoutTime: Instant.Span

    public init(
        status: Status, size: Int, available: Int, overflow: Int, queueLength: Int, averageCheckoutTime: Instant.Span
    ) {
        self.status = status
        self.size = size
        self.available = available
        self.overflow = overflow
        self.queueLength = queueLength
        self.averageCheckoutTime = averageCheckoutTime
    }
}

extension PoolHealth {
    /// Several pools of one kind as one: as bad as the worst of them.
    public init(of pools: [PoolHealth]) {
        let states = pools.map(\.status)
        self.init(
            status: states.contains(.exhausted) ? .exhausted : states.contains(.degraded) ? .degraded : .healthy,
            size: pools.reduce(0) { $0 + $1.size }, available: pools.reduce(0) { $0 + $1.available },
            overflow: pools.reduce(0) { $0 + $1.overflow }, queueLength: pools.reduce(0) { $0 + $1.queueLength },
            averageCheckoutTime: pools.map(\.averageCheckoutTime).max() ?? .seconds(0))
    }
}
