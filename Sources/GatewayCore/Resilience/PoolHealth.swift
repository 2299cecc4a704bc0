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
}
