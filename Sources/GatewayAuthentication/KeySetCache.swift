import GatewayCore

/// When a key set is fetched: now and then, and at once for a token whose key nobody knows, but never more often than a
/// bound, so that forged key names make no load. A set that cannot be fetched again is used on for a while.
struct KeySetCache: Sendable {
    struct Limits: Sendable {
        /// Time between two fetches while nothing happens.
        var refresh = Instant.Span.seconds(600)
        /// Time between two fetches at the least.
        var pause = Instant.Span.seconds(10)
        /// How long a set is used that cannot be fetched again.
        var stale = Instant.Span.seconds(86_400)
    }

    private let limits: Limits
    private var fetchedAt: Instant?
    private var triedAt: Instant?
    private(set) var isFetching = false

    init(_ limits: Limits) { self.limits = limits }

    /// Whether the set may still be used.
    func isUsable(now: Instant) -> Bool {
        guard let fetchedAt else { return false }
        return now - fetchedAt < limits.stale
    }

    /// Whether to fetch the set now.
    /// - Parameter isMissed: a token names a key that is not in it.
    mutating func mustFetch(isMissed: Bool, now: Instant) -> Bool {
        guard !isFetching else { return false }
        if let triedAt, now - triedAt < limits.pause { return false }
        guard isMissed || fetchedAt.map({ now - $0 >= limits.refresh }) ?? true else { return false }
        isFetching = true
        triedAt = now
        return true
    }

    mutating func fetched(now: Instant) {
        isFetching = false
        fetchedAt = now
    }

    mutating func failed() { isFetching = false }
}
