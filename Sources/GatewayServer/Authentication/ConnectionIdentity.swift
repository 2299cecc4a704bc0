import GatewayCore
import WireJSON

/// Who is at the other end of a connection, kept beside it because most gateways that have nothing to protect do not know.
final class ConnectionIdentity {
    fileprivate(set) var principal: Principal
    fileprivate var lifetime: TokenLifetime?

    fileprivate init(_ principal: Principal) { self.principal = principal }
}

extension ConnectionEngine {
    /// Whether the connection may do something.
    final func may(_ action: Capability.Action, _ name: String) -> Bool {
        guard gateway.gatekeeper.isOn else { return true }
        return identity?.principal.capabilities.allow(action, name) ?? false
    }

    /// - Throws: what the client is told, if the connection may not do something.
    final func require(_ action: Capability.Action, _ name: String) throws(Problem) {
        guard !may(action, name) else { return }
        gateway.gatekeeper.countDenial(action)
        throw .lacks(Capability(action, name))
    }

    /// - Throws: what the client is told, if the connection may not act as `client`.
    final func requireIdentity(_ client: ClientID) throws(Problem) {
        guard gateway.gatekeeper.isOn else { return }
        guard let principal = identity?.principal else { throw .authenticationFailed(.missing) }
        guard principal.mayBe(client) else {
            gateway.gatekeeper.count(.wrongClient)
            throw .authenticationFailed(.wrongClient)
        }
    }

    /// Notes who is at the other end, or that a fresh token has come.
    /// - Parameter isPlaced: whether the connection has its place on the loop; otherwise its carrier looks after it later.
    final func identify(_ principal: Principal?, isPlaced: Bool = true) {
        guard let principal else { return }
        let identity: ConnectionIdentity
        if let present = self.identity {
            identity = present
            identity.principal = principal
        } else {
            identity = ConnectionIdentity(principal)
            self.identity = identity
        }
        identity.lifetime = principal.expiresAt.flatMap { end in
            guard let settings = gateway.gatekeeper.settings else { return nil }
            let rest = end.milliseconds - loop.context.wallClock.milliseconds
            return TokenLifetime(
                expiresAt: loop.now + .milliseconds(rest), notice: settings.expiryNotice, grace: settings.grace)
        }
        guard isPlaced, let next = identity.lifetime?.next, let member = loop.member(id) else { return }
        loop.schedule(member, at: next)
    }

    /// A fresh token, if it is that of the same person and better than the present one.
    final func refresh(_ principal: Principal) {
        guard let present = identity?.principal, present.isSamePerson(as: principal), verdict == .open,
            (principal.expiresAt?.milliseconds ?? .max) >= (present.expiresAt?.milliseconds ?? .max)
        else { return }
        identify(principal)
    }

    /// Looks whether the token has ended.
    /// - Returns: when to look again.
    final func tendIdentity() -> Instant {
        guard verdict == .open else { return .distantFuture }
        guard let identity else {
            guard let deadline = strangerDeadline, loop.now >= deadline else { return nextIdentityCheck }
            gateway.gatekeeper.count(.missing)
            let reconnect = Reconnect.after(milliseconds: 5000)
            endToken(.authenticationFailed, "no token within listen.handshake_timeout", reconnect: reconnect)
            return .distantFuture
        }
        guard var lifetime = identity.lifetime else { return .distantFuture }
        if handle == nil, loop.now < lifetime.end {
            // Nobody listens yet: the warning waits for the join.
            return min(lifetime.end, max(lifetime.next, loop.now + .seconds(1)))
        }
        let step = lifetime.advance(to: loop.now)
        identity.lifetime = lifetime
        switch step {
        case .none: break
        case .warn: warnOfExpiry(identity.principal)
        case .close:
            gateway.gatekeeper.countEnding(.expired)
            endToken(.tokenExpired, "token_expired", reconnect: .now)
            return .distantFuture
        }
        return lifetime.next
    }

    /// When to look first.
    final var nextIdentityCheck: Instant {
        identity.map { $0.lifetime?.next ?? .distantFuture } ?? strangerDeadline ?? .distantFuture
    }

    private func warnOfExpiry(_ principal: Principal) {
        guard let end = principal.expiresAt else { return }
        let data = JSONWriter.object { writer in
            writer.member("expires_at", end.text)
            writer.member("expires_in_ms", max(0, end.milliseconds - loop.context.wallClock.milliseconds))
        }
        write(event: "token_expiring", data: data, sequence: takenBefore - 1)
    }

    /// Closes the connection if its token is good no more.
    /// - Returns: whether it did.
    final func checkRevocation() -> Bool {
        guard let identity, verdict == .open, gateway.gatekeeper.isRevoked(identity.principal) else { return false }
        gateway.gatekeeper.countEnding(.revoked)
        endToken(.authenticationFailed, "token_revoked", reconnect: .never)
        return true
    }
}
