/// How many calls of a server may be under way at a time, learned from how long it takes and whether it fails.
///
/// A gradient between what an answer takes now and what it took when there was little to do: beyond the point where a
/// server works on all it can, more calls at once only wait within it. The fastest answer of a window speaks for the
/// window, so that a few slow calls among fast ones are no congestion. The limit falls only while it is reached and grows
/// only while it is used: a server that nobody floods is left alone.
///
/// What it takes without load is seen when there is little to do. Where that never happens, it is looked for: the limit
/// goes down to the least for a few answers, seldom enough to cost little. A value without a clock; a call costs it a few
/// integer operations, a window some more.
public struct AdaptiveLimit: Sendable {
    public struct Limits: Equatable, Sendable {
        /// Where it begins.
        public var initial: Int
        /// It is never less and never more.
        public var minimum, maximum: Int
        /// So much longer than without load is no congestion, whatever the proportion.
        public var slack: Instant.Span

        public init(
            initial: Int = 100, minimum: Int = 16, maximum: Int = 1000, slack: Instant.Span = .milliseconds(20)
        ) {
            precondition(minimum >= 1 && minimum <= maximum, "A limit lets something through")
            self.initial = min(max(initial, minimum), maximum)
            self.minimum = minimum
            self.maximum = maximum
            self.slack = slack
        }

        /// One that does not adapt.
        public static func fixed(_ limit: Int) -> Self { Self(initial: limit, minimum: limit, maximum: limit) }
    }

    /// How a call ended.
    public enum Outcome: Equatable, Sendable {
        case answered
        /// There was no answer, or not in time.
        case dropped
        /// It says nothing about the server.
        case ignored
    }

    /// What limits it was given.
    public let limits: Limits
    /// So many calls may be under way.
    public private(set) var limit: Int
    /// So many are. More than `limit` after it has fallen.
    public private(set) var inFlight = 0
    /// Whether it has been reached, so that it says something about the server.
    public private(set) var isLearned = false
    private var mean: Int64 = 0
    private var unloadedNanoseconds = Int64.max
    /// When `unloadedNanoseconds` was last measured with little to do.
    private var confirmedAt: Instant?
    /// As long as it has never been too much, the limit doubles.
    private var isStarting = true
    private var probe: (limit: Int, mean: Int64, since: Instant)?
    /// What was answered under the double limit, while the half is tried.
    private var trial: (limit: Int, found: Int64)?

    // The present window.
    private var count = 0
    private var fastest = Int64.max
    private var peak = 0
    /// Whether the limit has been reached in it.
    private var isFull = false
    /// Calls that began before were made under another limit.
    private var since = Instant.zero

    /// In a round trip of so many times that without load, nobody has waited.
    static let tolerance = 1.5
    /// How much of a change is made at once.
    static let smoothing = 0.5
    static let leastSamples = 16
    static let probeSamples = 8
    /// The time between two looks at the server without load is this, and so many round trips.
    static let probeInterval = Instant.Span.seconds(10)
    static let probeRoundTrips: Int64 = 50
    /// Servers that take longer are not emptied for a look, and no look lasts longer than twice this. They are tried with
    /// half as much instead: whoever answers as many with it was not helped by the rest.
    static let longestProbed = Instant.Span.seconds(2)

    public init(limits: Limits) {
        self.limits = limits
        limit = limits.initial
    }

    /// Whether one more call may begin.
    public var hasRoom: Bool { inFlight < limit }

    /// What an answer takes of late, on average; `nil` before the first.
    public var roundTrip: Instant.Span? { mean == 0 ? nil : Instant.Span(nanoseconds: mean) }

    /// What an answer takes without load, as far as that is known.
    public var unloadedRoundTrip: Instant.Span? {
        let known = min(unloadedNanoseconds, fastest)
        return known == .max ? nil : Instant.Span(nanoseconds: known)
    }

    /// A call begins.
    public mutating func begin(now: Instant) {
        inFlight += 1
        guard inFlight > peak else { return }
        peak = inFlight
        guard peak >= limit, !isFull else { return }
        // What began while there was room says how fast the server is without load, and nothing about this limit.
        isFull = true
        unloadedNanoseconds = min(unloadedNanoseconds, fastest)
        count = 0
        fastest = .max
        since = max(since, now)
    }

    /// A call has ended.
    public mutating func end(begunAt: Instant, now: Instant, _ outcome: Outcome) {
        inFlight -= 1
        // The server is empty enough: what begins from now on counts.
        if since == .distantFuture, inFlight < limit { since = now }
        switch outcome {
        case .ignored: return
        case .dropped: return dropped(begunAt: begunAt, now: now)
        case .answered: break
        }
        let span = max(1, (now - begunAt).nanoseconds)
        mean = mean == 0 ? span : max(1, mean + (span - mean) / 16)
        guard limits.minimum < limits.maximum else {
            // Only for those who ask what it takes without load.
            fastest = min(fastest, span)
            return
        }
        if let probe, (now - probe.since).nanoseconds > 2 * Self.longestProbed.nanoseconds {
            finishProbe(probe, found: nil, now: now)
        }
        guard begunAt >= since else { return }
        count += 1
        if span < fastest { fastest = span }
        let wanted = probe == nil ? max(Self.leastSamples, limit) : Self.probeSamples
        if count >= wanted { closeWindow(now: now) }
    }

    /// Once in a round trip, whatever goes wrong with it; not while the server has little to do, for then it was not the
    /// number of calls.
    private mutating func dropped(begunAt: Instant, now: Instant) {
        guard begunAt >= since, probe == nil, peak * 2 >= limit else { return }
        isStarting = false
        limit = max(limits.minimum, limit * 9 / 10)
        restart(now)
    }

    private mutating func closeWindow(now: Instant) {
        let found = fastest
        if let probe { return finishProbe(probe, found: found, now: now) }
        let peak = peak
        count = 0
        fastest = .max
        self.peak = inFlight
        isFull = inFlight >= limit
        if let trial { return finishTrial(trial, found: found, now: now) }
        if peak >= limit { isLearned = true }
        if peak <= limits.minimum {
            // Less than this is never tried: it is what the server takes.
            unloadedNanoseconds = found
            confirmedAt = now
        } else {
            unloadedNanoseconds = min(unloadedNanoseconds, found)
        }
        if peak >= limit, found > limits.slack.nanoseconds, mayProbe(now) {
            if mean <= Self.longestProbed.nanoseconds {
                probe = (limit, mean, now)
                limit = limits.minimum
                // Known when enough calls have ended.
                since = inFlight < limit ? now : .distantFuture
                return
            }
            // Where it is known to have been faster, there is no need to try.
            if Double(found) <= allowed, found > Self.longestProbed.nanoseconds {
                return beginTrial(found: found, now: now)
            }
        }
        let gradient = max(0.5, min(1, allowed / Double(found)))
        if gradient < 1 {
            guard peak >= limit else { return }
            isStarting = false
            let wanted = Double(limit) * gradient + Double(limit).squareRoot()
            // Twice as long as may be is too much for half a step.
            let step = gradient > 0.5 ? Self.smoothing : 1
            set(Int(Double(limit) + step * (wanted - Double(limit))), now)
        } else if peak * 2 >= limit {
            set(isStarting ? limit * 2 : limit + max(1, Int(Double(limit).squareRoot())), now)
        }
    }

    /// What an answer may take before it counts as congestion.
    private var allowed: Double { Double(unloadedNanoseconds) * Self.tolerance + Double(limits.slack.nanoseconds) }

    private func mayProbe(_ now: Instant) -> Bool {
        guard limit > limits.minimum else { return false }
        guard let confirmedAt else { return true }
        return (now - confirmedAt).nanoseconds >= max(Self.probeInterval.nanoseconds, mean * Self.probeRoundTrips)
    }

    /// - Parameter found: what an answer takes without load; `nil` if that took too long to find out.
    private mutating func finishProbe(_ done: (limit: Int, mean: Int64, since: Instant), found: Int64?, now: Instant) {
        probe = nil
        confirmedAt = now
        limit = done.limit
        if let found {
            unloadedNanoseconds = found
            mean = found
            // As many as were under way, by what they took: so many calls a second. By Little's law these are as many at a
            // time as follows from what they should take.
            let share = min(1, allowed / Double(done.mean))
            if share < 1 { isStarting = false }
            limit = max(limits.minimum, Int(Double(limit) * share))
        }
        restart(now)
    }

    private mutating func beginTrial(found: Int64, now: Instant) {
        trial = (limit, found)
        limit = max(limits.minimum, limit / 2)
        restart(now)
    }

    /// As many at a time, divided by what they take, are so many calls a second.
    private mutating func finishTrial(_ done: (limit: Int, found: Int64), found: Int64, now: Instant) {
        trial = nil
        unloadedNanoseconds = min(unloadedNanoseconds, found)
        mean = found
        if Double(limit) / Double(found) >= 0.9 * Double(done.limit) / Double(done.found) {
            isStarting = false
            if limit > limits.minimum, found > limits.slack.nanoseconds {
                // And once more: half of this may be enough, too.
                if mean > Self.longestProbed.nanoseconds { return beginTrial(found: found, now: now) }
                return restart(now)
            }
        } else {
            limit = done.limit
        }
        confirmedAt = now
        restart(now)
    }

    private mutating func set(_ wanted: Int, _ now: Instant) {
        let next = min(max(wanted, limits.minimum), limits.maximum)
        let isLess = next < limit
        limit = next
        // What is under way by then has waited for others, and does not count a second time.
        if isLess { restart(now) }
    }

    private mutating func restart(_ now: Instant) {
        count = 0
        fastest = .max
        peak = inFlight
        isFull = peak >= limit
        since = now
    }
}
