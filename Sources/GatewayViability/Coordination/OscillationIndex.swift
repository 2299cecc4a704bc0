import DequeModule
import GatewayCore

/// How restless something is: changes of direction in the last hour. What rises and falls again has changed direction once;
/// what rises in steps has not.
public struct OscillationIndex: Equatable, Sendable {
    private static let span = Instant.Span.seconds(3600)
    /// Turns that are remembered.
    private static let limit = 1024

    private var last: Double?
    private var isRising: Bool?
    private var turns: Deque<Instant> = []

    public init() {}

    /// The figure at present.
    public mutating func observe(_ value: Double, now: Instant) {
        while let first = turns.first, now - first >= Self.span { turns.removeFirst() }
        defer { last = value }
        guard let last, value != last else { return }
        let rises = value > last
        if let isRising, isRising != rises {
            turns.append(now)
            if turns.count > Self.limit { turns.removeFirst() }
        }
        isRising = rises
    }

    /// Changes of direction within the last hour.
    public var perHour: Int { turns.count }
}

/// How restless the node is: changes of direction within the last hour.
public struct Restlessness: Equatable, Sendable {
    /// Of clients' changes between transports, of what is given up for memory and time, and of the mode.
    public var transports = 0, shedding = 0, mode = 0

    public init() {}
}
