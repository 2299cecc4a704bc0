/// What can go wrong in a load test.
public enum LoadProblem: String, Sendable, CaseIterable {
    /// No connection within the time.
    case connect
    /// The server took the connection and refused the rest: upgrade, join, session, stream.
    case refused
    /// The connection ended while it was in use.
    case closed
    /// An answer that says that it failed.
    case answer = "failed_answer"
    /// No answer within the time.
    case unanswered
    /// What should have been sent while as much as allowed was under way.
    case notSent = "not_sent"
    /// Messages that were accepted and did not reach every stream.
    case missing
}

/// What happened, counted. Its size does not depend on how much that was.
public struct LoadFigures: Sendable {
    /// From the time at which a message was due until its answer, or its event, was there.
    public var latency = LatencyHistogram()
    /// From the beginning of a connection until it could be used.
    public var opening = LatencyHistogram()
    /// From the time at which a message was due until its publishing was answered.
    public var publishing = LatencyHistogram()
    public var opened = 0
    public var attempted = 0
    public var sent = 0
    /// Answers, or events that streams received.
    public var received = 0
    /// Publishes that the server has accepted.
    public var published = 0
    public var bytesReceived = 0
    public private(set) var problems: [LoadProblem: Int] = [:]
    /// What the first few problems of each kind were, in words.
    public private(set) var samples: [LoadProblem: [String]] = [:]

    public init() {}

    /// Counts a problem.
    public mutating func add(_ problem: LoadProblem, _ words: String = "", count: Int = 1) {
        problems[problem, default: 0] += count
        guard !words.isEmpty, samples[problem, default: []].count < 3,
            !samples[problem, default: []].contains(words)
        else { return }
        samples[problem, default: []].append(String(words.prefix(200)))
    }

    /// Adds another's figures.
    public mutating func add(_ other: LoadFigures) {
        latency.add(other.latency)
        opening.add(other.opening)
        publishing.add(other.publishing)
        opened += other.opened
        attempted += other.attempted
        sent += other.sent
        received += other.received
        published += other.published
        bytesReceived += other.bytesReceived
        for (problem, count) in other.problems { problems[problem, default: 0] += count }
        for (problem, words) in other.samples { for one in words { add(problem, one, count: 0) } }
    }

    /// All problems together.
    public var problemCount: Int { problems.values.reduce(0, +) }
}

/// One point of the plots.
public struct LoadPoint: Sendable {
    /// Seconds since the first connection was begun.
    public var time: Double
    public var connections: Int
    /// Answers or events in a second.
    public var received: Double
    public var problems: Double
    /// Nanoseconds.
    public var p50: UInt64
    public var p99: UInt64
    public var maximum: UInt64
}
