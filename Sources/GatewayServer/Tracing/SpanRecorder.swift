public import GatewayCore
import Synchronization

/// Decides which traces are recorded, and holds finished spans until somebody sends them. What does not fit is counted and
/// forgotten: to be watched must not slow anybody down.
public final class SpanRecorder: Sendable {
    private struct Waiting {
        var spans: [FinishedSpan] = []
        var dropped = 0
    }

    private let waiting = Mutex(Waiting())
    private let capacity: Int
    /// Traces begun here that are recorded, out of 2^32.
    private let threshold: Atomic<UInt64>
    private let deliveryThreshold: Atomic<UInt64>
    /// What turns the monotonic clock into the time of day.
    private let offset: Int64

    /// - Parameters:
    ///   - capacity: spans that may wait.
    ///   - ratio: the share of traces that are recorded, of those that begin here.
    ///   - deliveryRatio: the share of deliveries that are recorded, of messages that are.
    public init(capacity: Int, ratio: Double, deliveryRatio: Double) {
        self.capacity = capacity
        threshold = Atomic(Self.threshold(ratio))
        deliveryThreshold = Atomic(Self.threshold(deliveryRatio))
        // Measured once: spans of one process keep their order whatever becomes of the time of day.
        offset = Clock.wallNanoseconds - Clock.now.nanoseconds
    }

    /// Other shares apply from now on.
    public func change(ratio: Double, deliveryRatio: Double) {
        threshold.store(Self.threshold(ratio), ordering: .relaxed)
        deliveryThreshold.store(Self.threshold(deliveryRatio), ordering: .relaxed)
    }

    private static func threshold(_ ratio: Double) -> UInt64 { UInt64(max(0, min(1, ratio)) * 4_294_967_296) }

    // MARK: - Contexts

    /// The monotonic clock, as spans need it.
    public var now: Instant { Clock.now }

    /// A place in the trace of `parent`, or in a new one. What the parent has decided is kept to.
    public func begin(parent: TraceContext?) -> TraceContext {
        var random = SystemRandomNumberGenerator()
        return begin(parent: parent, random.next(), random.next(), random.next())
    }

    /// - Parameters: random numbers for the ids.
    func begin(parent: TraceContext?, _ a: UInt64, _ b: UInt64, _ c: UInt64) -> TraceContext {
        let spanID = c == 0 ? 1 : c
        guard let parent else {
            // The lower half of the id decides, as other samplers have it.
            let isSampled = b & 0xFFFF_FFFF < threshold.load(ordering: .relaxed)
            return TraceContext(traceIDHigh: a | 1, traceIDLow: b, spanID: spanID, isSampled: isSampled)
        }
        return TraceContext(
            traceIDHigh: parent.traceIDHigh, traceIDLow: parent.traceIDLow, spanID: spanID, isSampled: parent.isSampled)
    }

    /// Whether a delivery of a recorded message is recorded.
    func samplesDelivery(_ random: UInt64) -> Bool {
        random & 0xFFFF_FFFF < deliveryThreshold.load(ordering: .relaxed)
    }

    // MARK: - Spans

    public func record(_ span: FinishedSpan) {
        waiting.withLock { waiting in
            guard waiting.spans.count < capacity else { return waiting.dropped += 1 }
            waiting.spans.append(span)
        }
    }

    /// Takes the oldest spans.
    public func take(_ count: Int) -> [FinishedSpan] {
        waiting.withLock { waiting in
            let taken = Array(waiting.spans.prefix(count))
            waiting.spans.removeFirst(taken.count)
            return taken
        }
    }

    /// Spans that wait.
    public var count: Int { waiting.withLock { $0.spans.count } }

    /// Spans that there was no room for.
    public var dropped: Int { waiting.withLock { $0.dropped } }

    /// Nanoseconds since 1970.
    public func wallNanoseconds(_ instant: Instant) -> UInt64 { UInt64(max(0, instant.nanoseconds &+ offset)) }

    /// The point on the monotonic clock.
    public func instant(wallNanoseconds: UInt64) -> Instant {
        Instant(nanoseconds: Int64(clamping: wallNanoseconds) &- offset)
    }
}
