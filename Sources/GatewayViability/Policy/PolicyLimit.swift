public import GatewayCore

/// Whom an entry of the policy is about.
public struct PolicySubject: Hashable, Sendable {
    /// Whose messages and connections; `nil` for everybody's, those of back ends too, which have neither an id nor a tier.
    public var client: NamePattern?
    /// Of which tier their tokens are; `nil` for any, and for none.
    public var tier: String?

    public init(client: NamePattern? = nil, tier: String? = nil) {
        self.client = client
        self.tier = tier
    }

    /// Whether it is about somebody.
    /// - Parameters:
    ///   - client: `nil` for a back end.
    ///   - tier: of the token; `nil` without one.
    public func fits(client name: String?, tier token: String?) -> Bool {
        if let client {
            guard let name, client.matches(name) else { return false }
        }
        return tier == nil || tier == token
    }

    /// The name in reports: `client sensor-*, tier free`, or `everybody`.
    public var name: String {
        let parts = [client.map { "client \($0.text)" }, tier.map { "tier \($0)" }].compactMap { $0 }
        return parts.isEmpty ? "everybody" : parts.joined(separator: ", ")
    }
}

/// What is never to be crossed, in no mode (`policy.limits`): by all together whom it is about.
public struct PolicyLimit: Equatable, Sendable {
    /// Whom it is about.
    public var subject: PolicySubject
    /// How many event streams, sockets and long-poll sessions they may have; `nil` for any number.
    public var connections: Int?
    /// How many messages a second they may send; `nil` for any number. A second's worth may come at once.
    public var rate: Double?

    public init(_ subject: PolicySubject, connections: Int? = nil, rate: Double? = nil) {
        self.subject = subject
        self.connections = connections
        self.rate = rate
    }

    /// The rate as it is kept.
    public var pace: RateLimit? {
        rate.map { RateLimit(rate: $0, burst: max(1, Int($0.rounded(.up)))) }
    }

    /// What has been counted for it.
    public struct Figures: Equatable, Sendable {
        /// Whom it is about.
        public var subject: String
        /// How many connections there are, and may be.
        public var open: Int
        public var connections: Int?
        public var rate: Double?
        /// Connections and messages that were refused, since the beginning.
        public var refusedConnections: Int
        public var refusedMessages: Int

        public init(
            subject: String, open: Int = 0, connections: Int? = nil, rate: Double? = nil, refusedConnections: Int = 0,
            refusedMessages: Int = 0
        ) {
            self.subject = subject
            self.open = open
            self.connections = connections
            self.rate = rate
            self.refusedConnections = refusedConnections
            self.refusedMessages = refusedMessages
        }
    }
}

/// A limit of the policy has stopped somebody for the first time, or has stopped nobody for a while.
public struct LimitCrossing: Equatable, Sendable {
    /// Whom it is about.
    public let subject: String
    /// Whether it stops somebody.
    public let isCrossed: Bool
    /// What was refused since it began.
    public let refused: Int
}

/// Makes episodes of what limits refuse: who runs against one is told of once. A value without a clock.
public struct LimitWatch: Equatable, Sendable {
    private struct Episode: Equatable {
        var seen = 0
        /// What had been refused before the present episode; `nil` between two.
        var before: Int?
        var last = Instant.zero
    }

    private var episodes: [String: Episode] = [:]

    /// Nothing seen.
    public init() {}

    /// - Parameter calm: how long nothing must be refused before it is over.
    public mutating func observe(_ limits: [PolicyLimit.Figures], calm: Instant.Span, now: Instant) -> [LimitCrossing] {
        var crossings: [LimitCrossing] = []
        for limit in limits {
            let refused = limit.refusedConnections + limit.refusedMessages
            var episode = episodes[limit.subject] ?? Episode()
            if refused > episode.seen {
                episode.last = now
                if episode.before == nil {
                    episode.before = episode.seen
                    crossings.append(
                        LimitCrossing(subject: limit.subject, isCrossed: true, refused: refused - episode.seen))
                }
            } else if let before = episode.before, now - episode.last >= calm {
                episode.before = nil
                crossings.append(LimitCrossing(subject: limit.subject, isCrossed: false, refused: refused - before))
            }
            episode.seen = refused
            episodes[limit.subject] = episode
        }
        let present = Set(limits.map(\.subject))
        episodes = episodes.filter { present.contains($0.key) }
        return crossings
    }
}
