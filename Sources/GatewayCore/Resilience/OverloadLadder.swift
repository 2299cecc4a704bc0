/// What a process gives up, step by step, as its memory fills: from who is not here yet to what is worth most. Bytes in, a
/// step out.
public struct OverloadLadder: Sendable {
    /// Each step has those before it. What is never given up: acknowledgements, heartbeats, answers, statistics.
    public enum Step: UInt8, Sendable, Comparable, CaseIterable {
        /// Nothing is given up.
        case none
        /// New streams and sockets are refused.
        case connections
        /// New messages with priority `low` are refused.
        case lowPriority
        /// New messages with priority `normal` are refused.
        case normalPriority
        /// Readers that are behind keep an eighth of what they may have, and what is kept for resume shrinks as much.
        case slowReaders
        /// No new message is taken.
        case highPriority

        public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

        /// The name on the wire.
        public var name: String {
            switch self {
            case .none: "none"
            case .connections: "connections"
            case .lowPriority: "low_priority"
            case .normalPriority: "normal_priority"
            case .slowReaders: "slow_readers"
            case .highPriority: "high_priority"
            }
        }

        /// The part of the budget from which on it is taken, in percent.
        public var percent: Int {
            switch self {
            case .none: 0
            case .connections: 80
            case .lowPriority: 85
            case .normalPriority: 90
            case .slowReaders: 95
            case .highPriority: 100
            }
        }

        /// Whether a new message is taken.
        public func admits(_ priority: Priority) -> Bool {
            switch priority {
            case .low: self < .lowPriority
            case .normal: self < .normalPriority
            case .high: self < .highPriority
            }
        }
    }

    /// How far below its beginning a step ends, in percent of the budget, so that it does not come and go.
    public static let hysteresis = 5

    public let budget: Int
    public private(set) var step = Step.none

    /// - Parameter budget: bytes.
    public init(budget: Int) { self.budget = budget }

    /// So many bytes are in use.
    public mutating func use(_ bytes: Int) {
        let reached = Step.allCases.last { bytes >= limit($0) } ?? .none
        if reached > step { return step = reached }
        let kept = Step.allCases.last { $0 == .none || bytes >= limit($0) - budget / 100 * Self.hysteresis } ?? .none
        step = min(step, kept)
    }

    private func limit(_ step: Step) -> Int { budget / 100 * step.percent }
}
