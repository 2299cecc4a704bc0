/// Two counts over the last ten parts of a span. The part that is running counts from its beginning, so that what is seen
/// is between nine tenths and all of the span.
struct SlidingWindow: Equatable, Sendable {
    static let parts = 10
    private let part: Int64
    private var counts: [Counts]
    /// Number of the part that is running.
    private var current: Int64 = 0
    /// Sums of `counts`.
    private(set) var total = Counts()

    struct Counts: Equatable, Sendable {
        var first = 0
        var second = 0
    }

    init(span: Instant.Span) {
        part = max(1, span.nanoseconds / Int64(Self.parts))
        counts = Array(repeating: Counts(), count: Self.parts)
    }

    mutating func add(first: Int = 0, second: Int = 0, now: Instant) {
        advance(to: now)
        let place = Int(current % Int64(Self.parts))
        counts[place].first += first
        counts[place].second += second
        total.first += first
        total.second += second
    }

    /// Forgets what is too old.
    mutating func advance(to now: Instant) {
        let target = now.nanoseconds / part
        guard target > current else { return }
        for step in 1...min(target - current, Int64(Self.parts)) {
            let gone = Int((current + step) % Int64(Self.parts))
            total.first -= counts[gone].first
            total.second -= counts[gone].second
            counts[gone] = Counts()
        }
        current = target
    }

    mutating func removeAll() {
        for place in counts.indices { counts[place] = Counts() }
        total = Counts()
    }
}
