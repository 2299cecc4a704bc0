import GatewayCore
import Logging
import NIOCore
import Synchronization

/// Who is let in by address and name, and how much one address may do. Loopback is never held off; an address of IPv6 stands
/// for its network of 64 bits, as one customer has it.
final class AccessGuard: Sendable {
    let settings: ProtectionSettings
    let refusals = RefusalCounters()
    private let logger: Logger
    private let list: Mutex<AccessList>
    /// Lets everybody pass by the lock while nobody is listed, as is usual.
    private let isListUsed: Atomic<Bool>
    private let scores: Mutex<BehaviorScores<AddressKey>>
    /// The same for scores: whether anybody is refused.
    private let hasSuspects = Atomic<Bool>(false)
    private let events = Mutex([BehaviorEvent: Int]())
    private let connections: Mutex<RateTable<AddressKey>>
    private let messages: AddressRates?
    private let bytes: AddressRates?
    private let joins: AddressRates?
    private let logins: AddressRates?
    private let node = Mutex(RateLimit.Usage())
    /// The list is written down in the order in which it was changed.
    private let saving = Mutex(())

    init(_ settings: ProtectionSettings, logger: Logger, now: Timestamp) {
        self.settings = settings
        self.logger = logger
        var list = AccessList(limit: settings.maxListEntries)
        for entry in settings.listEntries { _ = list.add(entry, at: now) }
        isListUsed = Atomic(!list.isEmpty || settings.allowlistOnly)
        self.list = Mutex(list)
        let keys = settings.maxAddresses
        scores = Mutex(BehaviorScores(settings.behavior, capacity: keys))
        connections = Mutex(RateTable(settings.unnoticedConnections, capacity: keys))
        messages = settings.addressMessages.map { AddressRates($0, capacity: keys) }
        bytes = settings.addressBytes.map { AddressRates($0, capacity: keys) }
        joins = settings.addressJoins.map { AddressRates($0, capacity: keys) }
        logins = settings.failedLogins.map { AddressRates($0, capacity: keys) }
    }

    // MARK: - Who is let in

    /// A connection has come.
    /// - Returns: why it may not stay.
    func arrived(_ address: SocketAddress?) -> Problem? {
        if let problem = refusal(address: address) { return problem }
        guard let key = AddressKey(address) else { return nil }
        if case .refused = connections.withLock({ $0.admit(key, now: Clock.now) }) { note(.rapidReconnect, address) }
        return nil
    }

    /// Why an address may not do anything here; `nil` if it may. One atomic load each while nobody is listed or suspected.
    func refusal(address: SocketAddress?) -> Problem? {
        guard isListUsed.load(ordering: .acquiring) || hasSuspects.load(ordering: .acquiring),
            let key = AddressKey(address), let ip = IPAddress(address)
        else { return nil }
        switch listed(ip) {
        case .allow: return nil
        case .block:
            refusals.count(.addressBlocked)
            return .blacklisted
        case nil: break
        }
        if settings.allowlistOnly {
            refusals.count(.addressBlocked)
            return .notAllowlisted
        }
        guard hasSuspects.load(ordering: .acquiring), scores.withLock({ $0.isRefused(key, now: Clock.now) }) else {
            return nil
        }
        refusals.count(.suspiciousBehavior)
        return .suspiciousBehavior
    }

    /// Why a client may not do anything here; `nil` if it may.
    func refusal(client: ClientID?) -> Problem? {
        guard isListUsed.load(ordering: .acquiring), let client,
            list.withLock({ $0.entry(for: client, at: Clock.wall) })?.kind == .block
        else { return nil }
        refusals.count(.clientBlocked)
        return .blacklisted
    }

    private func listed(_ address: IPAddress) -> AccessList.Kind? {
        guard isListUsed.load(ordering: .acquiring) else { return nil }
        return list.withLock { $0.entry(for: address, at: Clock.wall) }?.kind
    }

    // MARK: - Lists

    /// - Returns: `false` if there is no place for one more.
    func add(_ entry: AccessList.Entry) -> Bool {
        change { list in list.add(entry, at: Clock.wall) } ?? false
    }

    /// - Returns: whether it was there.
    func remove(_ kind: AccessList.Kind, _ subject: AccessList.Subject) -> Bool {
        change { list in list.remove(kind, subject) == nil ? nil : true } ?? false
    }

    var entries: [AccessList.Entry] { list.withLock { $0.entries(at: Clock.wall) } }

    private func change(_ body: (inout AccessList) -> Bool?) -> Bool? {
        saving.withLock { _ in
            let result = list.withLock { list in
                defer { isListUsed.store(!list.isEmpty || settings.allowlistOnly, ordering: .releasing) }
                return body(&list)
            }
            if result == true { settings.saveListEntries?(entries) }
            return result
        }
    }

    // MARK: - Behavior

    /// Something is held against an address.
    func note(_ event: BehaviorEvent, _ address: SocketAddress?) {
        events.withLock { $0[event, default: 0] += 1 }
        guard let key = AddressKey(address) else { return }
        guard scores.withLock({ $0.note(event, key, now: Clock.now) }) else { return }
        hasSuspects.store(true, ordering: .releasing)
        logger.warning(
            "suspicious behavior: refused until its score has decayed",
            metadata: ["address": "\(address?.ipAddress ?? "-")", "last": "\(event.rawValue)"])
    }

    /// Whose score is highest, at most 100.
    var suspects: [(address: String, points: Double)] {
        scores.withLock { $0.highest(100, now: Clock.now) }.map { (address: $0.key.text, points: $0.points) }
    }

    /// Nothing is held against an address any more.
    func forgive(_ address: SocketAddress) {
        guard let key = AddressKey(address) else { return }
        scores.withLock { $0.forgive(key) }
    }

    // MARK: - Rates

    /// Charges a message or a request to its address and to the node.
    func admit(_ count: Int, from address: SocketAddress?, isMessage: Bool, now: Instant) -> RateLimit.Decision {
        if let key = AddressKey(address) {
            if let messages, case .refused(let wait) = messages.admit(key, now: now) {
                return refused(.addressRate, wait, address)
            }
            if let bytes, case .refused(let wait) = bytes.admit(key, cost: Self.kibibytes(count), now: now) {
                return refused(.byteRate, wait, address)
            }
        }
        guard isMessage, let limit = settings.nodeMessages,
            case .refused(let wait) = node.withLock({ limit.admit(&$0, now: now) })
        else { return .admitted }
        // Nobody's fault in particular.
        refusals.count(.nodeRate)
        return .refused(retryAfter: wait)
    }

    /// Charges a join or a subscription to its address.
    func admitJoin(from address: SocketAddress?, now: Instant) -> RateLimit.Decision {
        guard let joins, let key = AddressKey(address),
            case .refused(let wait) = joins.admit(key, now: now)
        else { return .admitted }
        return refused(.joinRate, wait, address)
    }

    /// Charges a token that was none to its address.
    func failedLogin(from address: SocketAddress?, now: Instant) -> RateLimit.Decision {
        note(.failedLogin, address)
        guard let logins, let key = AddressKey(address),
            case .refused(let wait) = logins.admit(key, now: now)
        else { return .admitted }
        refusals.count(.loginRate)
        return .refused(retryAfter: wait)
    }

    /// Charges a message to its client.
    func admit(_ count: Int, to session: inout Session, _ limit: RateLimit, now: Instant) -> RateLimit.Decision {
        if case .refused(let wait) = limit.admit(&session.rateUsage, now: now) {
            refusals.count(.clientRate)
            return .refused(retryAfter: wait)
        }
        guard let bytes = settings.clientBytes,
            case .refused(let wait) = bytes.admit(&session.byteUsage, cost: Self.kibibytes(count), now: now)
        else { return .admitted }
        refusals.count(.byteRate)
        return .refused(retryAfter: wait)
    }

    /// Notes that a client was refused for its rate.
    func refused(_ refusal: Refusal, _ wait: Instant.Span, _ address: SocketAddress?) -> RateLimit.Decision {
        refusals.count(refusal)
        note(.rateHit, address)
        return .refused(retryAfter: wait)
    }

    private static func kibibytes(_ count: Int) -> Int { max(1, (count + 1023) / 1024) }

    // MARK: - Metrics

    func write(to text: inout MetricsText) {
        refusals.write(to: &text)
        let events = events.withLock { $0 }
        text.begin("mcp_gateway_behavior_events_total", .counter, "What was held against addresses.")
        for event in BehaviorEvent.allCases { text.add(events[event] ?? 0, ["event": event.rawValue]) }
        text.begin("mcp_gateway_access_list_entries", .gauge, "Entries of the blocklist and the allowlist.")
        let all = entries
        for kind in AccessList.Kind.allCases { text.add(all.count { $0.kind == kind }, ["kind": kind.rawValue]) }
        text.begin("mcp_gateway_tracked_addresses", .gauge, "Addresses whose usage or score is remembered.")
        text.add(scores.withLock(\.count), ["by": "score"])
        text.add(connections.withLock(\.count), ["by": "connections"])
        text.add(messages?.count ?? 0, ["by": "messages"])
    }
}

/// One rate limit for all addresses.
private final class AddressRates: Sendable {
    private let table: Mutex<RateTable<AddressKey>>

    init(_ limit: RateLimit, capacity: Int) { table = Mutex(RateTable(limit, capacity: capacity)) }

    var count: Int { table.withLock(\.count) }

    func admit(_ key: AddressKey, cost: Int = 1, now: Instant) -> RateLimit.Decision {
        table.withLock { $0.admit(key, cost: cost, now: now) }
    }
}

extension Problem {
    static let blacklisted = Problem(403, "blacklisted", "an administrator does not want you here")
    static let notAllowlisted = Problem(
        403, "blacklisted", "only addresses of the allowlist may connect (security.allowlist_only)")
    static let suspiciousBehavior = Problem(
        403, "suspicious_behavior", "too much has gone wrong from this address; wait some minutes")
}
