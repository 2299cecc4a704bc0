import Crypto
import GatewayCore
import Synchronization

/// Says who somebody is, and who is not let in. One for the whole process; what it keeps is bounded.
final class Gatekeeper: Sendable {
    let settings: AuthenticationSettings?
    private let adminDigest: SHA256.Digest?
    private let tickets: Mutex<TicketBook>
    private let revocations: Mutex<RevocationList>
    /// Lets the check of tokens pass by the lock while nothing is revoked, as is usual.
    private let hasRevocations: Atomic<Bool>
    private let failures: Mutex<[AuthenticationFailure: Int]> = Mutex([:])
    private let successes = Atomic<Int>(0)
    private let denials: Mutex<[Capability.Action: Int]> = Mutex([:])
    private let endings: Mutex<(expired: Int, revoked: Int)> = Mutex((0, 0))
    /// Revocations are written down in the order in which they were made.
    private let saving = Mutex(())

    init(_ settings: AuthenticationSettings?, adminToken: String?, now: Timestamp) {
        self.settings = settings
        adminDigest = adminToken.map { SHA256.hash(data: Array($0.utf8)) }
        tickets = Mutex(
            TicketBook(
                lifetime: settings?.ticketLifetime ?? .seconds(30), limit: settings?.maxTickets ?? 0))
        var list = RevocationList(limit: settings?.maxRevocations ?? 0)
        for entry in settings?.revocations ?? [] where entry.until.milliseconds > now.milliseconds {
            _ = list.add(entry, now: now)
        }
        hasRevocations = Atomic(list.count > 0)
        revocations = Mutex(list)
    }

    /// Whether anybody has to prove anything.
    var isOn: Bool { settings != nil }

    var hasAdministrator: Bool { adminDigest != nil }

    /// Whether a token is the administrator's. Digests are compared, all of them to the end: how long it takes tells neither
    /// how much was right nor how long the token is.
    func isAdministrator(_ token: String) -> Bool {
        guard let adminDigest else { return false }
        let given = SHA256.hash(data: Array(token.utf8))
        var difference: UInt8 = 0
        for (a, b) in zip(given, adminDigest) { difference |= a ^ b }
        return difference == 0
    }

    /// Who stands behind a credential. A ticket is used up.
    func authenticate(
        _ credential: Credential, now: Instant, time: Timestamp
    ) -> Result<Principal, AuthenticationFailure> {
        let result = check(credential, now: now, time: time)
        switch result {
        case .success: successes.add(1, ordering: .relaxed)
        case .failure(let failure): count(failure)
        }
        return result
    }

    private func check(
        _ credential: Credential, now: Instant, time: Timestamp
    ) -> Result<Principal, AuthenticationFailure> {
        switch credential {
        case .token(let token):
            if isAdministrator(token) { return .success(.administrator) }
            guard let settings else { return .failure(.administrator) }
            return settings.verify(token, now, time).flatMap { isRevoked($0) ? .failure(.revoked) : .success($0) }
        case .ticket(let name):
            guard let principal = tickets.withLock({ $0.use(name, now: now) }) else { return .failure(.ticket) }
            if let end = principal.expiresAt, end.milliseconds <= time.milliseconds { return .failure(.expired) }
            return isRevoked(principal) ? .failure(.revoked) : .success(principal)
        }
    }

    /// Whether the token of a principal has been revoked.
    func isRevoked(_ principal: Principal) -> Bool {
        guard hasRevocations.load(ordering: .acquiring) else { return false }
        return revocations.withLock { $0.revokes(principal) }
    }

    /// A ticket in place of a token; `nil` if too many are out.
    func ticket(for principal: Principal, now: Instant) -> TicketBook.Name? {
        let name = TicketBook.Name(high: .random(in: 0 ... .max), low: .random(in: 0 ... .max))
        return tickets.withLock { $0.issue(name, for: principal, now: now) } ? name : nil
    }

    /// Revokes tokens. Connections are closed by who calls.
    /// - Returns: `false` if there is no place for one more.
    func revoke(_ entry: RevocationList.Entry, now: Timestamp) -> Bool {
        saving.withLock { _ in
            let all: [RevocationList.Entry]? = revocations.withLock { list in
                guard list.add(entry, now: now) else { return nil }
                return list.all
            }
            guard let all else { return false }
            hasRevocations.store(true, ordering: .releasing)
            settings?.saveRevocations?(all)
            return true
        }
    }

    var revoked: [RevocationList.Entry] { revocations.withLock(\.all) }

    /// Forgets what concerns nobody any more.
    func expire(now: Timestamp) {
        guard hasRevocations.load(ordering: .relaxed) else { return }
        revocations.withLock { $0.expire(now: now) }
    }

    // MARK: - Figures

    func count(_ failure: AuthenticationFailure) { failures.withLock { $0[failure, default: 0] += 1 } }

    func countDenial(_ action: Capability.Action) { denials.withLock { $0[action, default: 0] += 1 } }

    func countEnding(_ failure: AuthenticationFailure) {
        endings.withLock { if failure == .revoked { $0.revoked += 1 } else { $0.expired += 1 } }
    }

    /// Adds its families to the metrics.
    func write(to text: inout MetricsText) {
        text.begin("mcp_gateway_authentications_total", .counter, "Tokens and tickets that were good.")
        text.add(successes.load(ordering: .relaxed))
        let failures = failures.withLock { $0 }
        text.begin("mcp_gateway_authentication_failures_total", .counter, "Who was not let in, by cause.")
        for failure in AuthenticationFailure.allCases { text.add(failures[failure] ?? 0, ["cause": failure.rawValue]) }
        let denials = denials.withLock { $0 }
        text.begin("mcp_gateway_authorization_denied_total", .counter, "What a token does not allow, by action.")
        for action in Capability.Action.allCases { text.add(denials[action] ?? 0, ["action": action.rawValue]) }
        let endings = endings.withLock { $0 }
        text.begin(
            "mcp_gateway_token_closes_total", .counter, "Connections that were closed because their token ended.")
        text.add(endings.expired, ["cause": "expired"])
        text.add(endings.revoked, ["cause": "revoked"])
        text.begin("mcp_gateway_revocations", .gauge, "Revocations that are remembered.")
        text.add(revocations.withLock(\.count))
        text.begin("mcp_gateway_tickets", .gauge, "Tickets that are out.")
        text.add(tickets.withLock(\.count))
    }
}

extension Problem {
    /// The contract's answer to whoever is not let in.
    static func authenticationFailed(_ failure: AuthenticationFailure) -> Problem {
        Problem(401, "authentication_failed", failure.reason)
    }

    static func lacks(_ capability: Capability) -> Problem {
        Problem(403, "policy_violation", "the token does not have the capability \(capability.text)")
    }
}
