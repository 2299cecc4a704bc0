import DequeModule

/// Thresholds of the ladder (keys `session.backpressure.*`).
public struct BackpressureLimits: Equatable, Sendable {
    /// More unacknowledged messages than this: half the rate.
    public var halfRatePending = 50
    /// More than this: only what `high` messages need.
    public var criticalPending = 100
    /// The oldest unacknowledged message is older than this: bundles.
    public var lag = Instant.Span.seconds(5)
    /// Time between two bundles.
    public var bundleInterval = Instant.Span.seconds(1)
    /// A level that was entered at a threshold is left at this part of it, in percent.
    public var releasePercent = 50
    /// Messages per second that half the rate is at least.
    public var minimumRate = 10

    public init() {}
}

/// How fast a connection may move whose client acknowledges (contract §6.7): the more is unacknowledged, the slower.
/// Nothing is lost by it: what is held back stays in the log.
///
/// A value without a clock: it is told what was handed out and what was acknowledged.
public struct BackpressureLadder: Sendable {
    /// A rung.
    public enum Level: String, Sendable {
        case normal
        /// Half the messages per second of before.
        case halfRate = "half_rate"
        /// Only `high` messages make the connection move.
        case criticalOnly = "critical_only"
        /// Everything that waits goes out together, now and then.
        case bundled
    }

    /// What may be handed out now.
    public enum Permit: Equatable, Sendable {
        /// At most so many messages; then ask again.
        case messages(Int)
        /// Nothing behind the last `high` message.
        case critical
        /// At most so many messages, as one bundle.
        case bundle(Int)
        /// Nothing before this time, unless the client acknowledges.
        case wait(until: Instant)
    }

    /// The present rung.
    public private(set) var level = Level.normal
    /// Whether the client takes bundles.
    private let takesBundles: Bool
    /// When sequences were handed out, oldest first: everything before the first of the pair, since the end of the
    /// mark before.
    private var marks = Deque<(before: Int, at: Instant)>()
    /// Messages handed out in the present second, and in the one before it.
    private var window: (since: Instant, count: Int, last: Int) = (.zero, 0, 0)
    /// Half the rate, in messages per second, and what of it has not been used, in billionths of a message.
    private var rate = 0
    private var credit: Int64 = 0
    private var creditAt = Instant.zero
    private var nextBundle = Instant.zero

    private static let second = Instant.Span.seconds(1)
    private static let message: Int64 = 1_000_000_000
    /// Marks at the most; beyond it the two oldest become one.
    private static let maxMarks = 32

    /// - Parameter takesBundles: whether the client has said that it understands bundles.
    public init(takesBundles: Bool) { self.takesBundles = takesBundles }

    /// Whether messages may be waiting for the client rather than for the socket.
    public var holdsBack: Bool { level != .normal }

    /// When the oldest unacknowledged message was handed out.
    public var oldestUnacknowledged: Instant? { marks.first?.at }

    /// Chooses the rung and says what may be handed out.
    /// - Parameter pending: messages that were handed out and not acknowledged.
    public mutating func permit(pending: Int, limits: BackpressureLimits, now: Instant) -> Permit {
        choose(pending, limits, now)
        switch level {
        case .normal: return .messages(limits.halfRatePending + 1 - pending)
        case .criticalOnly: return .critical
        case .bundled:
            guard now >= nextBundle else { return .wait(until: nextBundle) }
            return .bundle(max(1, limits.halfRatePending + 1 - pending))
        case .halfRate:
            refill(now)
            let whole = Int(credit / Self.message)
            guard whole > 0 else {
                let missing = (Self.message - credit + Int64(rate) - 1) / Int64(rate)
                return .wait(until: now + Instant.Span(nanoseconds: missing))
            }
            return .messages(min(whole, max(1, limits.criticalPending + 1 - pending)))
        }
    }

    private mutating func choose(_ pending: Int, _ limits: BackpressureLimits, _ now: Instant) {
        func exceeds(_ value: Int64, _ threshold: Int64, inside: Bool) -> Bool {
            value
                > (inside
                    ? threshold / 100 * Int64(limits.releasePercent)
                        + threshold % 100 * Int64(limits.releasePercent) / 100 : threshold)
        }
        let before = level
        let age = marks.first.map { (now - $0.at).nanoseconds } ?? 0
        if exceeds(Int64(pending), Int64(limits.criticalPending), inside: before == .criticalOnly) {
            level = .criticalOnly
        } else if exceeds(
            Int64(pending), Int64(limits.halfRatePending), inside: before == .criticalOnly || before == .halfRate)
        {
            level = .halfRate
        } else if takesBundles, exceeds(age, limits.lag.nanoseconds, inside: before == .bundled) {
            level = .bundled
        } else {
            level = .normal
        }
        guard level != before else { return }
        if level == .halfRate {
            turnWindow(now)
            // On the way down the rate of before still holds.
            if before != .criticalOnly || rate == 0 {
                rate = max(1, limits.minimumRate, max(window.count, window.last) / 2)
            }
            credit = 0
            creditAt = now
        }
        if level == .bundled { nextBundle = now }
    }

    private mutating func refill(_ now: Instant) {
        let span = min((now - creditAt).nanoseconds, Self.second.nanoseconds)
        creditAt = now
        guard span > 0 else { return }
        // What is not used within half a second is lost: no burst after a pause.
        credit = min(credit + span * Int64(rate), max(Self.message, Self.message / 2 * Int64(rate)))
    }

    /// Messages were handed out.
    public mutating func handedOut(_ count: Int, before sequence: Int, limits: BackpressureLimits, now: Instant) {
        if level == .bundled { nextBundle = now + limits.bundleInterval }
        guard count > 0 else { return }
        turnWindow(now)
        window.count += count
        if level == .halfRate { credit = max(0, credit - Int64(count) * Self.message) }
        if let last = marks.last, (now - last.at).nanoseconds * 16 < limits.lag.nanoseconds {
            marks[marks.count - 1].before = sequence
        } else {
            marks.append((sequence, now))
            if marks.count > Self.maxMarks {
                let oldest = marks.removeFirst()
                marks[0].at = oldest.at
            }
        }
    }

    /// The client has everything before `sequence`.
    public mutating func acknowledged(before sequence: Int) {
        while let first = marks.first, first.before <= sequence { marks.removeFirst() }
    }

    private mutating func turnWindow(_ now: Instant) {
        let age = now - window.since
        guard age >= Self.second else { return }
        window = (now, 0, age >= Instant.Span.seconds(2) ? 0 : window.count)
    }
}
