import GatewayCore
import GatewayViability

/// What clients sent by one transport on one event loop, by size: as it came, and what of it was let through.
struct VarietyTraffic: Sendable {
    var arrivals = VarietyCounts()
    var accepted = VarietyCounts()
}

/// What went through one transport on one event loop. Plain numbers: only that loop touches them.
struct TrafficCounters: Sendable {
    var connections = 0
    var messagesOut = 0
    var bytesOut = 0
    var messagesIn = 0
    var errors = 0
    var slowConsumers = 0
    /// Messages that connections were told of as missing, because they did not read or acknowledge fast enough.
    var messagesDropped = 0
    /// Messages that connections were told of as missing, by reason.
    private var missing = InlineArray<6, Int>(repeating: 0)
    var bytesIn = 0
    /// Messages refused because their sender sends too fast.
    var rateLimited = 0
    /// Connections that went on where their client was, and those that did not, by reason.
    var recovered = 0
    var notRecovered = InlineArray<4, Int>(repeating: 0)
    /// From accepting each message to handing it to the kernel.
    var latencies = LatencyHistogram()
    /// From accepting messages to their clients' acknowledgements.
    var acknowledgements = LatencyHistogram()
    private var window = [Bucket](repeating: Bucket(), count: Self.seconds)

    /// The last minute, second by second.
    private struct Bucket: Sendable {
        var second: Int64 = -1
        var messagesOut = 0
        var latency: Int64 = 0
        var errors = 0
    }

    private static let seconds = 64

    /// Messages were handed to the kernel.
    /// - Parameter latency: sum of the times since each was accepted.
    mutating func sent(_ count: Int, bytes: Int, latency: Instant.Span, now: Instant) {
        messagesOut += count
        bytesOut += bytes
        let index = bucket(now)
        window[index].messagesOut += count
        window[index].latency &+= latency.nanoseconds
    }

    /// Adds what another event loop has counted since the beginning.
    mutating func add(_ other: TrafficCounters) {
        connections += other.connections
        messagesOut += other.messagesOut
        bytesOut += other.bytesOut
        messagesIn += other.messagesIn
        errors += other.errors
        slowConsumers += other.slowConsumers
        messagesDropped += other.messagesDropped
        for index in missing.indices { missing[index] += other.missing[index] }
        bytesIn += other.bytesIn
        rateLimited += other.rateLimited
        recovered += other.recovered
        for index in notRecovered.indices { notRecovered[index] += other.notRecovered[index] }
        latencies.add(other.latencies)
        acknowledgements.add(other.acknowledgements)
    }

    /// A connection was told that messages are missing.
    mutating func missed(_ count: Int, _ reason: GapReason) { missing[Self.index(reason)] += count }

    /// Messages that connections were told of as missing, for one reason.
    func missing(_ reason: GapReason) -> Int { missing[Self.index(reason)] }

    private static func index(_ reason: GapReason) -> Int {
        switch reason {
        case .expired: 0
        case .slowConsumer: 1
        case .backpressure: 2
        case .trimmed: 3
        case .notStored: 4
        case .damaged: 5
        }
    }

    /// A connection has found its place.
    mutating func attached(_ reason: Session.AttachReason?) {
        guard let reason else { return recovered += 1 }
        notRecovered[Self.index(reason)] += 1
    }

    /// Connections that did not go on where their client was, for one reason.
    func notRecovered(_ reason: Session.AttachReason) -> Int { notRecovered[Self.index(reason)] }

    private static func index(_ reason: Session.AttachReason) -> Int {
        switch reason {
        case .new: 0
        case .epoch: 1
        case .trimmed: 2
        case .ahead: 3
        }
    }

    mutating func failed(now: Instant) {
        errors += 1
        window[bucket(now)].errors += 1
    }

    /// Rates over recent whole seconds.
    struct Rates: Sendable {
        var messages = 0
        var latencyNanoseconds: Int64 = 0
        var errors = 0
        /// Messages of the last minute.
        var messagesOfMinute = 0

        mutating func add(_ other: Rates) {
            messages += other.messages
            latencyNanoseconds &+= other.latencyNanoseconds
            errors += other.errors
            messagesOfMinute += other.messagesOfMinute
        }
    }

    /// - Returns: messages and their latency of the last 10 whole seconds, errors of the last 60.
    func rates(now: Instant) -> Rates {
        let second = now.nanoseconds / 1_000_000_000
        var rates = Rates()
        for bucket in window where bucket.second >= 0 {
            if bucket.second >= second - 10, bucket.second < second {
                rates.messages += bucket.messagesOut
                rates.latencyNanoseconds &+= bucket.latency
            }
            if bucket.second > second - 60 {
                rates.errors += bucket.errors
                rates.messagesOfMinute += bucket.messagesOut
            }
        }
        return rates
    }

    private mutating func bucket(_ now: Instant) -> Int {
        let second = now.nanoseconds / 1_000_000_000
        let index = Int(second % Int64(Self.seconds))
        if window[index].second != second { window[index] = Bucket(second: second) }
        return index
    }
}
