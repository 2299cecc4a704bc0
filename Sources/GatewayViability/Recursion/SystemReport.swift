import GatewayCore

/// What a system reports to the one that it is a unit of: a node to its cluster, a cluster to whatever it is part of. It has
/// the figures of a unit, so that systems add up as their own units do, and what only the whole knows.
public struct SystemReport: Equatable, Sendable {
    /// At which recursion it stands.
    public enum Level: String, Sendable, Decodable {
        case node, cluster
    }

    /// Something that hurts within it.
    public struct Pain: Equatable, Sendable, Decodable {
        private enum CodingKeys: String, CodingKey {
            case type = "pain_type"
            case place, level, intensity
        }

        public let type: String
        /// The part of the system, and the place within that part.
        public let place: String
        public let level: String
        public let intensity: Double
    }

    /// At which recursion it stands.
    public let level: Level
    /// The figures of all its units together, as those of one.
    public let figures: UnitReport
    /// The strictest mode of its parts.
    public let mode: OperatingMode
    /// The highest pressure of its parts.
    public let pressure: Double
    /// Bytes in use, and bytes that there are.
    public let memory: (used: Int, budget: Int)
    /// Clients' sessions.
    public let sessions: Int
    /// How many clients would come back if the part with the most of them went now.
    public let herd: Int
    /// Messages of clients by class of `VarietyCounts.distinction`, before admission and behind it, in the last whole window.
    public let variety: (incoming: [Int], outgoing: [Int])
    /// What hurts.
    public let pains: [Pain]

    public static func == (one: Self, other: Self) -> Bool {
        one.level == other.level && one.figures == other.figures && one.mode == other.mode
            && one.pressure == other.pressure && one.memory == other.memory && one.sessions == other.sessions
            && one.herd == other.herd && one.variety == other.variety && one.pains == other.pains
    }

    /// The entropy of what came in and of what was let through.
    public var entropy: (incoming: VarietyEstimate?, outgoing: VarietyEstimate?) {
        (VarietyEstimate(variety.incoming), VarietyEstimate(variety.outgoing))
    }
}

extension SystemReport {
    /// Several systems as one.
    /// - Parameter parts: in any order: that of the sums does not depend on it.
    public init(_ level: Level, named name: String, of parts: [SystemReport]) {
        let parts = parts.sorted { $0.figures.unit.name < $1.figures.unit.name }
        self.init(
            level: level, figures: UnitReport(.system(name), of: parts.map(\.figures)),
            mode: parts.map(\.mode).max() ?? .normal, pressure: parts.map(\.pressure).max() ?? 0,
            memory: (parts.reduce(0) { $0 + $1.memory.used }, parts.reduce(0) { $0 + $1.memory.budget }),
            sessions: parts.reduce(0) { $0 + $1.sessions }, herd: parts.map(\.herd).max() ?? 0,
            variety: (Self.sums(parts.map(\.variety.incoming)), Self.sums(parts.map(\.variety.outgoing))),
            pains: parts.flatMap { part in
                part.pains.map { pain in
                    let place = [part.figures.unit.name, pain.place].filter { !$0.isEmpty }.joined(separator: "/")
                    return Pain(type: pain.type, place: place, level: pain.level, intensity: pain.intensity)
                }
            })
    }

    private static func sums(_ counts: [[Int]]) -> [Int] {
        var sums = [Int](repeating: 0, count: VarietyCounts.classes)
        for part in counts { for (place, count) in part.prefix(sums.count).enumerated() { sums[place] += count } }
        return sums
    }
}

extension UnitReport {
    /// Several units as one. What they do adds up; the slowest speaks for how long it takes. What they could do is known when
    /// it is of all that do something.
    public init(_ unit: UnitID, of parts: [UnitReport]) {
        func sum(_ figure: (UnitReport) -> Double?) -> Double? {
            guard !parts.contains(where: { $0.delivered > 0 && figure($0) == nil }) else { return nil }
            let known = parts.compactMap(figure)
            return known.isEmpty ? nil : known.reduce(0, +)
        }
        self.init(
            unit: unit, connections: parts.reduce(0) { $0 + $1.connections },
            arrivals: parts.reduce(0) { $0 + $1.arrivals }, accepted: parts.reduce(0) { $0 + $1.accepted },
            received: parts.reduce(0) { $0 + $1.received }, delivered: parts.reduce(0) { $0 + $1.delivered },
            errors: parts.reduce(0) { $0 + $1.errors }, deliveredBytes: parts.reduce(0) { $0 + $1.deliveredBytes },
            latency: parts.compactMap(\.latency).max(), capability: sum(\.capability),
            potentiality: sum(\.potentiality), limit: nil)
    }
}
