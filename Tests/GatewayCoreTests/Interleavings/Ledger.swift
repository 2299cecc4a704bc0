import GatewayCore

/// What the client is owed: every message of one epoch, and what has become of it.
struct Ledger {
    /// Why a message that has not come is not missing.
    struct Excuse: OptionSet {
        let rawValue: UInt8
        /// The client said that it has it, by an acknowledgement or by where it resumed.
        static let claimed = Excuse(rawValue: 1)
        /// The client was told that it will not come: a gap, or a connection that fell behind.
        static let told = Excuse(rawValue: 2)
        /// A connection started behind it with the reason `trimmed`, `epoch` or `ahead`.
        static let notRecovered = Excuse(rawValue: 4)
        /// A connection started behind it because the client named no place.
        static let new = Excuse(rawValue: 8)
        /// It was trimmed while a connection was there, beyond the bound of the log or of the offline queue.
        static let bounds = Excuse(rawValue: 16)
    }

    struct Entry {
        let message: Message
        /// Whether no connection could carry it when it was accepted.
        let wasAbsent: Bool
        /// Whether the kernel took it on a connection that carries everything.
        var isReceived = false
        /// After which switch of transports it was reported, for each kind of connection that takes part in the choice.
        var receivedBy: [Transport: Int] = [:]
        /// When that was reported.
        var receivedAt: Instant?
        var excuse: Excuse = []

        var isAccountedFor: Bool { isReceived || !excuse.isEmpty }
    }

    private(set) var entries: [Entry] = []
    /// Everything before this is accounted for.
    private var accountedBefore = 0
    /// Everything before this is acknowledged.
    var acknowledged = 0
    /// The end of what connections that carry everything have reported as flushed, or the client as received.
    var delivered = 0

    var next: Int { entries.count }

    mutating func append(_ message: Message, wasAbsent: Bool) {
        entries.append(Entry(message: message, wasAbsent: wasAbsent))
    }

    mutating func received(_ sequence: Int) { entries[sequence].isReceived = true }

    /// The session has learned that a connection received messages.
    mutating func reported(_ range: Range<Int>, at now: Instant, inTurnBy transport: Transport?, era: Int) {
        for sequence in range where entries[sequence].isReceived {
            if entries[sequence].receivedAt == nil { entries[sequence].receivedAt = now }
            if let transport { entries[sequence].receivedBy[transport] = era }
        }
    }

    mutating func excuse(_ range: Range<Int>, _ excuse: Excuse) {
        for sequence in range where excuse == .claimed || !entries[sequence].isReceived {
            entries[sequence].excuse.insert(excuse)
        }
    }

    /// The first message before `end` that is missing without an excuse.
    mutating func firstMissing(before end: Int) -> Int? {
        while accountedBefore < min(end, next), entries[accountedBefore].isAccountedFor { accountedBefore += 1 }
        return accountedBefore < min(end, next) ? accountedBefore : nil
    }

    /// The durable messages from `sequence` on: those that an offline queue is for.
    func waiting(from sequence: Int) -> (count: Int, bytes: Int) {
        let durable = entries[min(sequence, next)...].lazy.filter(\.message.isDurable)
        return (durable.count, durable.reduce(0) { $0 + $1.message.cost })
    }

    /// Whether a fresh start may leave a durable message out.
    /// - Parameter now: or when the client began to acknowledge.
    func mayBeDone(_ sequence: Int, now: Instant, grace: Instant.Span) -> Bool {
        let entry = entries[sequence]
        if sequence < acknowledged || entry.excuse.contains(.claimed) { return true }
        guard let receivedAt = entry.receivedAt else { return false }
        return now - receivedAt >= grace
    }
}
