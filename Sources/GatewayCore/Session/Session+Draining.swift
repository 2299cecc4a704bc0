/// The way out of the log: what a connection is handed, and how far it has come with it.
extension Session {
    /// A message on its way to one connection, or the hole that it leaves.
    public struct Delivery: Sendable {
        /// What goes out.
        public enum Content: Sendable {
            case message(Message)
            /// Nothing from `from` up to and including the delivery's sequence.
            case gap(from: Int, GapReason)
        }

        /// The sequence of the message, or the last one of the hole.
        public let sequence: Int
        public let content: Content
    }

    /// What a connection is told beside messages.
    public struct Notices: Equatable, Sendable {
        /// A switch that the connection has not been told of; it comes before the messages.
        public var transportSwitch: TransportSwitch?
        /// Whether another transport stands by, so that it is worth knowing at once when this one fails.
        public var isBackedUp = false
        /// Whether the messages go out as one bundle.
        public var isBundle = false
        /// Data of `error` events; they come behind the messages.
        public var alerts: [[UInt8]] = []

        public init() {}
    }

    public enum TakeResult: Equatable, Sendable {
        /// All there is was handed out.
        case drained
        /// There is more; take again when the connection can write.
        case more
        /// Too much waits for this connection, or part of it has been trimmed already: from this sequence on the
        /// connection's messages are not whole any more.
        case fellBehind(from: Int, to: Int)
        /// There is more, and it waits for acknowledgements; take again at this time, or when woken.
        case held(until: Instant)
        /// The connection stands by and gets nothing now.
        case standby
        /// The connection is not one of this session's.
        case unknown
    }

    /// Hands the next messages to a connection.
    /// - Parameters:
    ///   - flushed: everything before this sequence, among what was handed out earlier, has reached the kernel.
    ///   - maxMessages, maxBytes: how much at most; at least one message is handed out if both are above 0.
    ///   - notices: what else the connection is told.
    public mutating func take(
        _ connection: ConnectionID, flushed: Int, maxMessages: Int, maxBytes: Int, limits: SessionLimits, now: Instant,
        into batch: inout [Delivery], notices: inout Notices, wakes: inout WakeSet
    ) -> TakeResult {
        guard let index = cursors.firstIndex(where: { $0.connection == connection }) else { return .unknown }
        cursors[index].wakeRequested = false
        noteFlushed(index, before: flushed, now: now, wakes: &wakes)
        if cursors[index].notice != nil {
            notices.transportSwitch = cursors[index].notice
            cursors[index].notice = nil
        }
        guard cursors[index].delivers else { return .standby }
        if cursors[index].isOverrun { return .fellBehind(from: cursors[index].handedOut, to: log.next) }
        if cursors[index].position < log.oldest {
            guard cursors[index].toleratesHoles else {
                return .fellBehind(from: cursors[index].handedOut, to: log.oldest - 1)
            }
            skip(index, to: log.oldest, cursors[index].policy.drops ? .trimmed : .backpressure)
        }
        if maxMessages == 0 {
            guard relieve(index, limits: limits) else {
                return .fellBehind(from: cursors[index].handedOut, to: log.next - 1)
            }
            return cursors[index].position < log.next || cursors[index].gap != nil ? .more : .drained
        }
        if !alerts.isEmpty { swap(&alerts, &notices.alerts) }
        if cursors.count > 1 { notices.isBackedUp = isBackedUp(index) }
        var quota = Quota(messages: maxMessages, end: log.next)
        if cursors[index].ladder != nil { climb(index, &quota, &notices, limits: limits, now: now) }
        let taken = advance(index, quota, maxBytes: maxBytes, now: now, into: &batch)
        let position = cursors[index].position
        if !cursors[index].isPlain {
            cursors[index].ladder?.handedOut(taken, before: position, limits: limits.backpressure, now: now)
        }
        messagesSent += taken
        if taken > 0 { lastActivity = now }
        guard position < log.next else {
            if !cursors[index].isPlain { cursors[index].backlog = nil }
            cursors[index].pendingBytes = 0
            return .drained
        }
        // The ladder's limit rather than the caller's: it says when to come again.
        if let until = quota.heldUntil, taken < maxMessages, position == quota.end || taken >= quota.messages {
            return .held(until: until)
        }
        return .more
    }

    /// A connection reports how far its bytes have reached the kernel.
    public mutating func flushed(
        _ connection: ConnectionID, before sequence: Int, now: Instant, wakes: inout WakeSet
    ) {
        guard let index = cursors.firstIndex(where: { $0.connection == connection }) else { return }
        noteFlushed(index, before: sequence, now: now, wakes: &wakes)
    }

    mutating func noteFlushed(_ index: Int, before sequence: Int, now: Instant, wakes: inout WakeSet) {
        let sequence = min(sequence, cursors[index].position)
        guard sequence > cursors[index].flushed else { return }
        cursors[index].flushed = sequence
        // A hole in a connection that stands beside the active ones says nothing about those.
        if cursors[index].carriesAll, !(cursors[index].role == .independent && cursors[index].hasHoles) {
            noteDelivered(before: sequence, now: now)
        }
        completeHandover(wakes: &wakes)
    }
}
