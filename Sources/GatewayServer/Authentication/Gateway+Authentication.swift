public import GatewayCore
import NIOCore
import NIOHTTP1
import WireJSON

/// Who a request is from, and what it may do.
extension Gateway {
    /// Whether anybody has to prove anything.
    public var isAuthenticated: Bool { gatekeeper.isOn }

    /// What everybody may have: whether the gateway lives, and pages that show nothing without a token.
    private static let openPaths: Set<String> = [
        "/", "/app.js", "/style.css", "/client.js", "/favicon.ico", "/openapi.json", "/health", "/ready",
    ]

    /// Finds out who sent a request. Once for each: a ticket is used up by it.
    func identify(_ request: FrontRequest, _ loop: LoopState) -> RequestIdentity {
        guard gatekeeper.isOn else { return .open }
        guard !Self.openPaths.contains(request.target.path), request.head.method != .OPTIONS,
            let (credential, place) = Credential.find(in: request)
        else { return .nobody }
        switch gatekeeper.authenticate(credential, now: loop.now, time: loop.context.wallClock) {
        case .success(let principal): return .principal(principal)
        case .failure(let failure): return .refused(failure, place)
        }
    }

    /// Who sent a request; `nil` if nobody has to say.
    func requirePrincipal(_ request: FrontRequest) throws(Problem) -> Principal? {
        if case .principal(let principal) = request.identity { return principal }
        guard let failure = request.identity.failure else { return nil }
        if failure == .missing { gatekeeper.count(.missing) }
        try chargeLogin(failure, from: request.remoteAddress)
        throw .authenticationFailed(failure)
    }

    /// Charges a token that was no good to its address. One that was good before is no attempt to guess.
    /// - Throws: `rateLimited` from those that have tried too often.
    func chargeLogin(_ failure: AuthenticationFailure, from address: SocketAddress?) throws(Problem) {
        switch failure {
        case .missing, .expired, .revoked, .wrongClient: return
        default: break
        }
        if case .refused(let wait) = accessGuard.failedLogin(from: address, now: Clock.now) {
            throw .rateLimited(retryAfter: wait.roundedUpSeconds)
        }
    }

    /// - Throws: unless the request may do `action` on `name`.
    func require(_ action: Capability.Action, _ name: String = "*", of principal: Principal?) throws(Problem) {
        guard gatekeeper.isOn, principal?.capabilities.allow(action, name) != true else { return }
        gatekeeper.countDenial(action)
        throw .lacks(Capability(action, name))
    }

    /// Whether administrators look after the path themselves: they may also have a cookie.
    static func isAdministrative(_ path: String) -> Bool { path.hasPrefix("/mcp/admin") || path.hasPrefix("/metrics/") }

    /// Turns away from the administrators' paths who has to prove something and has not. All others are looked at once more
    /// where these paths are answered; here they are only counted.
    func guardAdministration(_ request: FrontRequest) throws(Problem) {
        // The dashboard's page shows nothing by itself.
        guard request.target.path.hasPrefix("/mcp/admin") else { return }
        if request.head.headers[canonicalForm: "cookie"].contains(where: { $0.contains("mcp_gateway_admin") }) {
            return
        }
        guard !gatekeeper.isOn else { return try require(.admin, of: try requirePrincipal(request)) }
        let token = request.head.headers.first(name: "authorization").flatMap { Credential.bearer($0) }
        if gatekeeper.hasAdministrator, token.map(gatekeeper.isAdministrator) != true {
            gatekeeper.count(.administrator)
        }
    }

    /// Lets those pass to the API who may: everybody as long as nobody has to prove anything, but for the administrator's
    /// paths.
    func authorizeAPI(_ request: FrontRequest) throws(Problem) {
        let path = request.target.path
        if Self.isAdministrative(path) { return try guardAdministration(request) }
        guard gatekeeper.isOn, !Self.openPaths.contains(path) else { return }
        let principal = try requirePrincipal(request)
        // Clients may look at themselves.
        for prefix in ["/mcp/health/client/", "/mcp/health/"] where path.hasPrefix(prefix) {
            if let principal, principal.subject == path.dropFirst(prefix.count) { return }
        }
        try require(.admin, of: principal)
    }

    /// The client that a request speaks for: whom it names, else the subject of its token.
    func client(_ named: String?, of principal: Principal?) throws(Problem) -> ClientID {
        var text = named ?? ""
        if text.isEmpty { text = principal?.subject ?? "" }
        guard !text.isEmpty else { throw .clientIDRequired }
        guard let client = ClientID(text) else { throw .invalidClientID }
        guard let principal, !principal.mayBe(client) else { return client }
        gatekeeper.count(.wrongClient)
        throw .authenticationFailed(.wrongClient)
    }

    /// - Throws: unless a client may send where its message wants to go. Routes are the operator's: whoever may connect may
    ///   use them.
    /// - Parameter channel: the topic on whose own channel it was pushed.
    func permit(_ request: borrowing PublishRequest, channel: String?, _ principal: Principal?) throws(Problem) {
        guard gatekeeper.isOn else { return }
        if let to = request.to { return try require(.send, to, of: principal) }
        if let topic = request.topic ?? channel { try require(.publish, topic, of: principal) }
    }

    /// - Throws: unless a back end may send where it wants to.
    func permitBackEnd(_ request: borrowing PublishRequest, _ principal: Principal?) throws(Problem) {
        guard gatekeeper.isOn, principal?.capabilities.allow(.service) != true else { return }
        guard !request.isBroadcast else { return try require(.service, of: principal) }
        if let topic = request.topic { try require(.publish, topic, of: principal) }
        if let client = request.clientID { try require(.send, client, of: principal) }
        for client in request.clientIDs ?? [] { try require(.send, client, of: principal) }
    }

    /// An endpoint has refused what a token does not allow.
    public func countDenial(_ action: Capability.Action) { gatekeeper.countDenial(action) }

    // MARK: - Tickets and refresh

    /// `POST /mcp/ticket`: what stands in an address in place of a token.
    func issueTicket(_ request: FrontRequest, _ loop: LoopState) throws(Problem) -> APIResponse {
        guard let settings = gatekeeper.settings, let principal = try requirePrincipal(request) else {
            throw Problem(404, "not_found", "authentication is off: no tickets are needed")
        }
        guard let ticket = gatekeeper.ticket(for: principal, now: loop.now) else {
            throw Problem(
                503, "overloaded", "as many tickets are out as security.authentication.max_tickets allows",
                retryAfter: Int((settings.ticketLifetime.milliseconds + 999) / 1000))
        }
        return .json(
            .ok,
            JSONWriter.object { writer in
                writer.member("ticket", ticket.text)
                writer.member("expires_in_ms", settings.ticketLifetime.milliseconds)
            })
    }

    /// `POST /mcp/access_token`: a fresh token for the connections that the client has, above all for event streams, on
    /// which it cannot say so.
    func refreshToken(_ request: FrontRequest) throws(Problem) -> APIResponse {
        guard let principal = try requirePrincipal(request) else {
            throw Problem(404, "not_found", "authentication is off: there is nothing to refresh")
        }
        forEachMember { $0.refresh(principal) }
        return .json(
            .accepted,
            JSONWriter.object { writer in
                writer.member("client_id", principal.subject)
                writer.member("expires_at", principal.expiresAt?.text)
            })
    }

    /// Visits every connection, each event loop in a task of its own.
    private func forEachMember(_ body: @escaping @Sendable (LoopMember) -> Void) {
        for index in 0..<loopCount {
            onLoop(index) { loop in
                loop.begin()
                loop.forEachMember(body)
                loop.dispatchWakes(except: nil)
            }
        }
    }

    // MARK: - Revocation

    /// What a revocation has come to.
    public enum RevocationOutcome: Sendable, Equatable {
        case revoked
        /// Authentication is off.
        case pointless
        /// There is no place for one more.
        case full
    }

    /// What is revoked, newest first.
    public var revocations: [RevocationList.Entry] {
        gatekeeper.revoked.sorted { $0.issuedBefore.milliseconds > $1.issuedBefore.milliseconds }
    }

    /// Revokes tokens and closes the connections that began with them.
    /// - Parameter issuedBefore: tokens issued up to then; now, unless said.
    public func revoke(_ target: RevocationList.Target, issuedBefore: Timestamp? = nil) -> RevocationOutcome {
        guard let settings = gatekeeper.settings else { return .pointless }
        let now = Clock.wall
        let moment = issuedBefore.map { min($0.milliseconds, now.milliseconds) } ?? now.milliseconds
        let entry = RevocationList.Entry(
            target, issuedBefore: Timestamp(milliseconds: moment),
            until: Timestamp(milliseconds: now.milliseconds + settings.maxTokenLifetime.milliseconds))
        guard gatekeeper.revoke(entry, now: now) else { return .full }
        forEachMember { $0.checkRevocation() }
        return .revoked
    }
}

/// What may not be done without a token, in the words of HTTP (RFC 6750 §3).
extension APIResponse {
    /// - Parameter metadata: where a client learns whom to ask for a token.
    func challenging(_ problem: Problem, metadata: String? = nil, scope: String? = nil) -> APIResponse {
        guard problem.status == 401 || scope != nil else { return self }
        var parts: [String] = []
        if let scope { parts.append("error=\"insufficient_scope\", scope=\"\(scope)\"") }
        if problem.status == 401 { parts.append("error=\"invalid_token\", error_description=\"\(problem.reason)\"") }
        if let metadata { parts.append("resource_metadata=\"\(metadata)\"") }
        var copy = self
        copy.headers.replaceOrAdd(name: "www-authenticate", value: "Bearer " + parts.joined(separator: ", "))
        return copy
    }
}
