/// One rate limit for many keys, in bounded memory. A key is forgotten only when nothing of its usage counts any more. Keys
/// for which there is no place share one usage, and take it along when a place becomes free: whoever invents keys takes
/// from others that are as new, and no key is ever admitted more than `rate · w + burst` in any window `w`.
public struct RateTable<Key: Hashable & Sendable>: Sendable {
    public let limit: RateLimit
    private let capacity: Int
    private var usages: [Key: RateLimit.Usage] = [:]
    /// The keys that have a place, for the hand that looks for one to forget.
    private var keys: [Key] = []
    private var hand = 0
    private var shared = RateLimit.Usage()

    /// Places that are looked at for each new key.
    private static var looks: Int { 8 }

    /// - Parameter capacity: keys that have a usage of their own, at least 1.
    public init(_ limit: RateLimit, capacity: Int) {
        precondition(capacity >= 1, "A table has a place")
        self.limit = limit
        self.capacity = capacity
    }

    /// Keys that have a usage of their own.
    public var count: Int { keys.count }

    /// Charges a key.
    public mutating func admit(_ key: Key, cost: Int = 1, now: Instant) -> RateLimit.Decision {
        if let index = usages.index(forKey: key) { return limit.admit(&usages.values[index], cost: cost, now: now) }
        guard makePlace(for: key, now: now) else { return limit.admit(&shared, cost: cost, now: now) }
        var usage = shared
        let decision = limit.admit(&usage, cost: cost, now: now)
        usages[key] = usage
        return decision
    }

    /// Whether there is a place for a new key now.
    private mutating func makePlace(for key: Key, now: Instant) -> Bool {
        guard keys.count >= capacity else {
            keys.append(key)
            return true
        }
        for _ in 0..<min(Self.looks, capacity) {
            hand = (hand + 1) % capacity
            let other = keys[hand]
            guard usages[other]?.isSpent(by: now) != false else { continue }
            usages[other] = nil
            keys[hand] = key
            return true
        }
        return false
    }
}
