/// Something that contract §6 forbids.
public struct Violation: Equatable, Sendable {
    public enum Rule: String, CaseIterable, Sendable {
        /// A message did not come, and no signal tells so.
        case loss
        /// Part of the sequence did not come, and no signal tells so.
        case hole
        /// A message came again without a crash that explains it.
        case `repeat`
        /// Messages came in another order than their numbers, or their publisher's.
        case reorder
        /// One place in the log had two messages.
        case identity
        /// A message came that nobody sent, or whose sender was told that it was refused.
        case unknown
        /// A connection's messages belong to another log than it said.
        case epoch
        /// Something was acknowledged that never came.
        case acknowledgement
    }

    public let rule: Rule
    public let place: HistoryEvent.Place
    public let client: String
    public let reason: String
}

/// What a check found.
public struct Verdict: Equatable, Sendable {
    public var violations: [Violation] = []
    public var clients = 0
    public var connections = 0
    public var published = 0
    public var delivered = 0
    public var gaps = 0
    public var crashes = 0

    public var holds: Bool { violations.isEmpty }
}
