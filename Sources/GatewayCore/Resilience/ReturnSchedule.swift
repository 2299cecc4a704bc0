/// Gives each of those that are sent away a place in time to come back at, so that they do not come back as a herd.
///
/// Places follow each other at a rate. When none is free within reach, chance spreads the rest over the second half of the
/// longest wait. A value without a clock and without chance of its own.
public struct ReturnSchedule: Equatable, Sendable {
    private let earliest: Int64
    private let longest: Int64
    private var interval: Int64
    private var last = Instant.zero
    /// Places that were given since the beginning.
    public private(set) var given = 0

    /// - Parameters:
    ///   - rate: returns per second; more than 0.
    ///   - earliest: the shortest wait.
    ///   - longest: the longest wait; more than `earliest`.
    public init(rate: Double, earliest: Instant.Span, longest: Instant.Span) {
        precondition(earliest < longest && longest.nanoseconds > 1, "A wait has a length")
        self.earliest = earliest.nanoseconds
        self.longest = longest.nanoseconds
        interval = Self.interval(rate)
    }

    /// Further places follow each other at another rate; those that were given stay.
    public mutating func change(rate: Double) { interval = Self.interval(rate) }

    /// Somebody is sent away.
    /// - Parameter chance: 64 random bits.
    /// - Returns: how long it is to wait before it comes back.
    public mutating func next(now: Instant, chance: UInt64) -> Instant.Span {
        given &+= 1
        let place = max(last.nanoseconds, now.nanoseconds + earliest) + interval
        guard place - now.nanoseconds <= longest else {
            return Instant.Span(nanoseconds: longest / 2 + Int64(chance % UInt64(longest / 2)))
        }
        last = Instant(nanoseconds: place)
        return Instant.Span(nanoseconds: place - now.nanoseconds)
    }

    /// How far ahead places are taken.
    public func spread(now: Instant) -> Instant.Span {
        Instant.Span(nanoseconds: max(0, last.nanoseconds - now.nanoseconds))
    }

    private static func interval(_ rate: Double) -> Int64 {
        precondition(rate > 0, "A schedule needs a rate")
        return Int64(min(max(1, 1_000_000_000 / rate), 3_600_000_000_000))
    }
}
