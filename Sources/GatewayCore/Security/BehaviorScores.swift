/// What is held against somebody (contract §12, `suspicious_behavior`): points for what was seen, fewer with time.
public enum BehaviorEvent: String, Sendable, CaseIterable {
    /// A token that was none.
    case failedLogin = "failed_login"
    /// Bytes that no client of ours sends.
    case protocolError = "protocol_error"
    /// One connection more than `security.behavior.reconnect_rate` lets pass unnoticed.
    case rapidReconnect = "rapid_reconnect"
    /// Something refused for its rate.
    case rateHit = "rate_hit"
}

/// How many points what costs, and when they are too many.
public struct BehaviorRules: Sendable, Equatable {
    /// Points from which somebody is refused; 0 refuses nobody.
    public var threshold = 10.0
    /// Points that a minute takes away.
    public var decayPerMinute = 1.0
    public var failedLogin = 2.0
    public var protocolError = 1.0
    public var rapidReconnect = 0.5
    public var rateHit = 0.1

    public init() {}

    func points(_ event: BehaviorEvent) -> Double {
        switch event {
        case .failedLogin: failedLogin
        case .protocolError: protocolError
        case .rapidReconnect: rapidReconnect
        case .rateHit: rateHit
        }
    }
}

/// The points of many keys, in bounded memory: whoever has the fewest of those looked at makes place for a new key.
public struct BehaviorScores<Key: Hashable & Sendable>: Sendable {
    private struct Score: Sendable {
        var points: Double
        var at: Instant
    }

    public let rules: BehaviorRules
    private let capacity: Int
    private var scores: [Key: Score] = [:]
    private var keys: [Key] = []
    private var hand = 0

    /// - Parameter capacity: keys that have a score, at least 1.
    public init(_ rules: BehaviorRules, capacity: Int) {
        precondition(capacity >= 1, "A table has a place")
        self.rules = rules
        self.capacity = capacity
    }

    /// Keys that have a score.
    public var count: Int { keys.count }

    /// The points of a key.
    public func score(_ key: Key, now: Instant) -> Double { scores[key].map { value($0, now) } ?? 0 }

    /// Whether a key is to be refused.
    public func isRefused(_ key: Key, now: Instant) -> Bool {
        rules.threshold > 0 && score(key, now: now) >= rules.threshold
    }

    /// Notes something.
    /// - Returns: whether the key is refused from now on and was not before.
    public mutating func note(_ event: BehaviorEvent, _ key: Key, now: Instant) -> Bool {
        let before = score(key, now: now)
        // More than twice the threshold would only prolong the silence of whoever goes on.
        let points = min(before + rules.points(event), max(rules.threshold * 2, 1))
        if scores[key] == nil { makePlace(for: key, now: now) }
        scores[key] = Score(points: points, at: now)
        return rules.threshold > 0 && before < rules.threshold && points >= rules.threshold
    }

    /// Forgets a key.
    public mutating func forgive(_ key: Key) {
        guard scores.removeValue(forKey: key) != nil, let index = keys.firstIndex(of: key) else { return }
        keys.swapAt(index, keys.count - 1)
        keys.removeLast()
        hand = 0
    }

    /// The highest scores, at most `limit`.
    public func highest(_ limit: Int, now: Instant) -> [(key: Key, points: Double)] {
        scores.map { ($0.key, value($0.value, now)) }.filter { $0.1 > 0 }.sorted { $0.1 > $1.1 }.prefix(limit).map {
            (key: $0.0, points: $0.1)
        }
    }

    private func value(_ score: Score, _ now: Instant) -> Double {
        max(0, score.points - (now - score.at).seconds / 60 * rules.decayPerMinute)
    }

    private mutating func makePlace(for key: Key, now: Instant) {
        guard keys.count >= capacity else { return keys.append(key) }
        var lowest = (index: hand, points: Double.infinity)
        for _ in 0..<min(8, capacity) {
            hand = (hand + 1) % capacity
            let points = score(keys[hand], now: now)
            if points < lowest.points { lowest = (hand, points) }
            if points == 0 { break }
        }
        scores[keys[lowest.index]] = nil
        keys[lowest.index] = key
    }
}
