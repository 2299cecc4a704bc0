import GatewayCore

/// Clients that behave oddly, or do not any more.
public struct Anomaly: Equatable, Sendable {
    /// In which way.
    public enum Pattern: String, Sendable, CaseIterable {
        /// A client connects again and again.
        case rapidReconnect = "rapid_reconnect"
        /// A client holds many connections.
        case connectionHoarding = "connection_hoarding"

        /// With so many connections of one client, within a minute or at a time, it begins.
        public var least: Int {
            switch self {
            case .rapidReconnect: 4
            case .connectionHoarding: 5
            }
        }
    }

    /// What event loops have seen of one pattern.
    public struct Sightings: Equatable, Sendable {
        /// Connections that began so.
        public var connections: Int
        /// Whose the last of them was.
        public var client: String

        public init(connections: Int, client: String) {
            self.connections = connections
            self.client = client
        }
    }

    public let pattern: Pattern
    /// Whether it has begun; otherwise it is over.
    public let isPresent: Bool
    /// Connections that began so, from its beginning on, and whose the last of them was.
    public let sightings: Sightings
}

/// Makes episodes of what event loops see of odd clients: one begins with the first sight, and is over when there has been
/// none for a minute. Sights in, events out: a value without a clock.
struct AnomalyWatch: Sendable {
    /// One episode.
    struct Episode: Equatable, Sendable {
        var sightings: Anomaly.Sightings
        let since: Instant
        var last: Instant
    }

    static let calm = Instant.Span.seconds(60)

    /// What goes on at present.
    private(set) var present: [Anomaly.Pattern: Episode] = [:]
    /// Connections that began so since the beginning.
    private(set) var counted: [Anomaly.Pattern: Int] = [:]

    /// - Parameter seen: what each event loop has seen since it was asked last.
    mutating func observe(_ seen: [[Anomaly.Pattern: Anomaly.Sightings]], now: Instant) -> [ViableEvent] {
        Anomaly.Pattern.allCases.compactMap { pattern in
            let sightings = seen.compactMap { $0[pattern] }
            guard let client = sightings.last?.client else { return end(pattern, now) }
            let connections = sightings.reduce(0) { $0 + $1.connections }
            counted[pattern, default: 0] += connections
            if var episode = present[pattern] {
                episode.sightings.connections += connections
                episode.sightings.client = client
                episode.last = now
                present[pattern] = episode
                return nil
            }
            let all = Anomaly.Sightings(connections: connections, client: client)
            present[pattern] = Episode(sightings: all, since: now, last: now)
            return .anomaly(Anomaly(pattern: pattern, isPresent: true, sightings: all))
        }
    }

    private mutating func end(_ pattern: Anomaly.Pattern, _ now: Instant) -> ViableEvent? {
        guard let episode = present[pattern], now - episode.last >= Self.calm else { return nil }
        present[pattern] = nil
        return .anomaly(Anomaly(pattern: pattern, isPresent: false, sightings: episode.sightings))
    }
}
