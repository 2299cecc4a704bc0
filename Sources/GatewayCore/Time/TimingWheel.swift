/// A hashed timing wheel: one for an event loop in place of a timer for each connection. It knows members only by a
/// number that the owner gives them, and each member has at most one deadline.
///
/// Deadlines are coarse (one tick) and lazy: a member that was busy in the meantime simply asks for a later one when it
/// is visited.
public struct TimingWheel: Sendable {
    /// Length of a tick.
    public let tick: Instant.Span
    private var buckets: [[Entry]]
    private var cursor: Int64

    private struct Entry: Sendable {
        var member: UInt64
        var due: Int64
    }

    /// - Parameters:
    ///   - tick: how exact deadlines are.
    ///   - buckets: how many ticks one turn has; a longer deadline waits for its turn.
    public init(tick: Instant.Span, buckets: Int, now: Instant) {
        precondition(tick.nanoseconds > 0 && buckets > 0)
        self.tick = tick
        self.buckets = Array(repeating: [], count: buckets)
        cursor = now.nanoseconds / tick.nanoseconds
    }

    /// Visits `member` at the first tick that is not before `deadline`.
    public mutating func schedule(_ member: UInt64, at deadline: Instant) {
        let (quotient, remainder) = deadline.nanoseconds.quotientAndRemainder(dividingBy: tick.nanoseconds)
        let due = max(quotient + (remainder > 0 ? 1 : 0), cursor + 1)
        buckets[Int(due % Int64(buckets.count))].append(Entry(member: member, due: due))
    }

    /// Takes out every member whose time has come. A member that has gone in the meantime is for the owner to ignore.
    public mutating func advance(to now: Instant, into due: inout [UInt64]) {
        let target = now.nanoseconds / tick.nanoseconds
        guard target > cursor else { return }
        // After a long pause one turn visits every bucket; more turns would find nothing new.
        let steps = min(target - cursor, Int64(buckets.count))
        for step in 1...steps {
            let index = Int((target - steps + step) % Int64(buckets.count))
            guard !buckets[index].isEmpty else { continue }
            var kept = 0
            for position in buckets[index].indices {
                let entry = buckets[index][position]
                if entry.due <= target {
                    due.append(entry.member)
                } else {
                    buckets[index][kept] = entry
                    kept += 1
                }
            }
            buckets[index].removeLast(buckets[index].count - kept)
        }
        cursor = target
    }

    /// How many deadlines are waiting.
    public var count: Int { buckets.reduce(0) { $0 + $1.count } }
}
