import GatewayCore
import PhoenixProtocol
import WireJSON

/// Tokens on channels: with a join, and fresh ones later.
extension PhoenixEngine {
    /// Finds out who joins: by the token of the join, else by that of the connection.
    func authenticate(_ parameters: JoinParameters) throws(Problem) {
        guard gateway.gatekeeper.isOn else { return }
        guard let token = parameters.token else {
            guard identity == nil else { return }
            let failure = extras?.tokenFailure ?? .missing
            if failure == .missing { gateway.gatekeeper.count(.missing) }
            throw .authenticationFailed(failure)
        }
        try take(token)
    }

    /// The event `access_token` (contract §5): a fresh token in place of the present one.
    func refreshToken(_ incoming: Incoming) {
        do throws(Problem) {
            let parameters = try JoinParameters(incoming.payload, maxDepth: gateway.settings.maxJSONDepth)
            guard let token = parameters.token else { throw .invalidMessage("give token") }
            guard gateway.gatekeeper.isOn else { return reply(incoming, isError: false, Array("{}".utf8)) }
            try take(token)
            let end = identity?.principal.expiresAt
            reply(incoming, isError: false, JSONWriter.object { $0.member("expires_at", end?.text) })
        } catch {
            reply(incoming, error)
        }
    }

    private func take(_ token: String) throws(Problem) {
        let credential = TicketBook.Name(token).map { Credential.ticket($0) } ?? .token(token)
        let result = gateway.gatekeeper.authenticate(credential, now: loop.now, time: loop.context.wallClock)
        switch result {
        case .failure(let failure):
            try gateway.chargeLogin(failure, from: peerAddress)
            throw .authenticationFailed(failure)
        case .success(let principal):
            // A connection stays whose it was.
            if let present = identity?.principal, !present.isSamePerson(as: principal) {
                gateway.gatekeeper.count(.wrongClient)
                throw .authenticationFailed(.wrongClient)
            }
            identify(principal)
            // What the fresh token does not allow any more ends.
            for topic in claims where !may(.subscribe, topic) { unsubscribe(topic) }
        }
    }
}
