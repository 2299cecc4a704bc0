/// Who may not connect whatever they show, and who always may: addresses, networks and clients, each until a moment or for
/// good. What is allowed by name is never blocked. Looking somebody up takes as many steps as there are lengths of networks.
public struct AccessList: Sendable {
    /// Whom an entry is about.
    public enum Subject: Hashable, Sendable {
        case network(IPAddressRange)
        case client(ClientID)
    }

    public enum Kind: String, Sendable, CaseIterable { case block, allow }

    public struct Entry: Hashable, Sendable {
        public let kind: Kind
        public let subject: Subject
        /// The subject as it was written.
        public let name: String
        public let reason: String
        public let since: Timestamp
        /// When it ends; `nil` if it does not.
        public let until: Timestamp?

        public init(
            _ kind: Kind, _ subject: Subject, name: String, reason: String = "", since: Timestamp,
            until: Timestamp? = nil
        ) {
            self.kind = kind
            self.subject = subject
            self.name = name
            self.reason = reason
            self.since = since
            self.until = until
        }

        fileprivate func counts(at time: Timestamp) -> Bool {
            until.map { $0.milliseconds > time.milliseconds } ?? true
        }
    }

    private struct Key: Hashable {
        let kind: Kind
        let subject: Subject
    }

    private let limit: Int
    private var entriesByKey: [Key: Entry] = [:]
    /// Lengths of prefixes that occur, with how many entries have each.
    private var lengths: [Int: Int] = [:]

    /// - Parameter limit: entries that there may be.
    public init(limit: Int) { self.limit = limit }

    public var isEmpty: Bool { entriesByKey.isEmpty }

    /// All entries that still count, oldest first.
    public func entries(at time: Timestamp) -> [Entry] {
        entriesByKey.values.filter { $0.counts(at: time) }.sorted {
            ($0.since.milliseconds, $0.name) < ($1.since.milliseconds, $1.name)
        }
    }

    /// Adds an entry, in place of one about the same.
    /// - Returns: `false` if there is no place for it.
    public mutating func add(_ entry: Entry, at time: Timestamp) -> Bool {
        let key = Key(kind: entry.kind, subject: entry.subject)
        if entriesByKey[key] == nil, entriesByKey.count >= limit {
            for (old, present) in entriesByKey where !present.counts(at: time) { _ = take(old) }
            guard entriesByKey.count < limit else { return false }
        }
        _ = take(key)
        entriesByKey[key] = entry
        if case .network(let network) = entry.subject { lengths[network.length, default: 0] += 1 }
        return true
    }

    /// - Returns: the entry that was there.
    public mutating func remove(_ kind: Kind, _ subject: Subject) -> Entry? { take(Key(kind: kind, subject: subject)) }

    /// The entry that decides on an address: the narrowest that allows it, else the narrowest that blocks it.
    public func entry(for address: IPAddress, at time: Timestamp) -> Entry? {
        var blocking: Entry?
        for length in lengths.keys.sorted(by: >) {
            guard let network = IPAddressRange(address, length: length) else { continue }
            if let entry = entriesByKey[Key(kind: .allow, subject: .network(network))], entry.counts(at: time) {
                return entry
            }
            if blocking == nil, let entry = entriesByKey[Key(kind: .block, subject: .network(network))],
                entry.counts(at: time)
            {
                blocking = entry
            }
        }
        return blocking
    }

    /// The entry that decides on a client.
    public func entry(for client: ClientID, at time: Timestamp) -> Entry? {
        for kind in [Kind.allow, .block] {
            if let entry = entriesByKey[Key(kind: kind, subject: .client(client))], entry.counts(at: time) {
                return entry
            }
        }
        return nil
    }

    private mutating func take(_ key: Key) -> Entry? {
        guard let entry = entriesByKey.removeValue(forKey: key) else { return nil }
        if case .network(let network) = entry.subject, let count = lengths[network.length] {
            lengths[network.length] = count > 1 ? count - 1 : nil
        }
        return entry
    }
}
