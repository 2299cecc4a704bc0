import GatewayCore
import GatewayViability

/// Clients that follow the node (`vsm=true`, `"vsm": true` in a join) are told of changes of its state by `vsm_update`.
extension ConnectionEngine {
    /// The client follows the node from now on.
    final func followViability() { viabilitySeen = viabilitySeen ?? gateway.viability.newest }

    /// Writes the changes that the client has not been told.
    final func writeViability(since seen: UInt64) {
        guard gateway.viability.newest > seen else { return }
        for update in gateway.viability.updates(since: seen) {
            write(event: "vsm_update", data: update.data, sequence: takenBefore - 1)
            viabilitySeen = update.version
        }
    }

    /// Whether the connection is let in although the mode refuses new ones: the policy's rules keep what its client sends,
    /// or it reads what clients send, for a back end. Somebody who has yet to show who it is is nobody.
    final var isWantedInEveryMode: Bool {
        if isForBackEnds { return true }
        guard let table = loop.context.policy?.table else { return false }
        let principal = identity?.principal
        guard let name = clientName ?? principal?.subject else { return false }
        if gateway.gatekeeper.isOn {
            guard let principal, let client = ClientID(name), principal.mayBe(client) else { return false }
        }
        return table.standing(client: name, tier: principal?.tier) == .high
    }

    /// Notes for S4 that the connection has just joined the session of a client that behaves oddly.
    final func watchForAnomalies(_ session: borrowing Session, _ client: ClientID) {
        guard gateway.settings.isViabilityOn else { return }
        let minuteAgo = Instant(nanoseconds: loop.now.nanoseconds - 60_000_000_000)
        if session.hasReconnected(Anomaly.Pattern.rapidReconnect.least, since: minuteAgo) {
            sight(.rapidReconnect, client)
        }
        if session.connectionCount >= Anomaly.Pattern.connectionHoarding.least { sight(.connectionHoarding, client) }
    }

    private func sight(_ pattern: Anomaly.Pattern, _ client: ClientID) {
        let before = loop.anomalies[pattern]?.connections ?? 0
        loop.anomalies[pattern] = Anomaly.Sightings(connections: before + 1, client: client.text)
    }

    /// The part of an interval that is this connection's own, so that those that came together, or had the same message
    /// last, are not served in the same turn (S2).
    /// - Parameter least: at least this share of the interval.
    final func staggered(_ interval: Instant.Span, least: Double = 0) -> Instant.Span {
        gateway.settings.viability.coordination.isOn
            ? Stagger.first(interval, number: id.slot, least: least) : interval
    }
}
