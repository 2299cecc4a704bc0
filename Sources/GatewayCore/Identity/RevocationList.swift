import DequeModule

/// Tokens that are good no more, although they have not ended: by their id, by their subject, or all that were issued
/// before a moment. An entry is forgotten once every token that it could concern has ended by itself.
public struct RevocationList: Sendable {
    /// What one entry revokes.
    public enum Target: Hashable, Sendable {
        case token(String)
        case subject(String)
        case everyone
    }

    /// An entry as it is written down.
    public struct Entry: Hashable, Sendable {
        public let target: Target
        /// Tokens that were issued up to then; those of a token id always.
        public let issuedBefore: Timestamp
        /// When the entry may be forgotten.
        public let until: Timestamp

        public init(_ target: Target, issuedBefore: Timestamp, until: Timestamp) {
            self.target = target
            self.issuedBefore = issuedBefore
            self.until = until
        }
    }

    private var entries: [Target: Entry] = [:]
    private let limit: Int

    /// - Parameter limit: entries at the most.
    public init(limit: Int) { self.limit = limit }

    public var count: Int { entries.count }

    /// Everything that is revoked.
    public var all: [Entry] { Array(entries.values) }

    /// Adds an entry; of two for the same target the later counts.
    /// - Returns: `false` if there is no place for it.
    public mutating func add(_ entry: Entry, now: Timestamp) -> Bool {
        if let present = entries[entry.target] {
            let issuedBefore = max(present.issuedBefore.milliseconds, entry.issuedBefore.milliseconds)
            let until = max(present.until.milliseconds, entry.until.milliseconds)
            entries[entry.target] = Entry(
                entry.target, issuedBefore: Timestamp(milliseconds: issuedBefore),
                until: Timestamp(milliseconds: until))
            return true
        }
        if entries.count >= limit { entries = entries.filter { $0.value.until.milliseconds > now.milliseconds } }
        guard entries.count < limit else { return false }
        entries[entry.target] = entry
        return true
    }

    /// Forgets what concerns nobody any more.
    public mutating func expire(now: Timestamp) {
        entries = entries.filter { $0.value.until.milliseconds > now.milliseconds }
    }

    /// Whether the token behind `principal` is revoked. One that does not say when it was issued counts as old.
    public func revokes(_ principal: Principal) -> Bool {
        guard !entries.isEmpty else { return false }
        if let id = principal.tokenID, entries[.token(id)] != nil { return true }
        let issued = principal.issuedAt?.milliseconds ?? .min
        if let entry = entries[.subject(principal.subject)], issued <= entry.issuedBefore.milliseconds { return true }
        if let entry = entries[.everyone], issued <= entry.issuedBefore.milliseconds { return true }
        return false
    }
}
