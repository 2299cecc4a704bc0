import GatewayCore

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

    /// The part of an interval that is this connection's own, so that those that came together, or had the same message
    /// last, are not served in the same turn (S2).
    /// - Parameter least: at least this share of the interval.
    final func staggered(_ interval: Instant.Span, least: Double = 0) -> Instant.Span {
        gateway.settings.viability.coordination.isOn
            ? Stagger.first(interval, number: id.slot, least: least) : interval
    }
}
