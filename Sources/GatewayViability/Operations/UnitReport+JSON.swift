public import WireJSON

/// The form of a unit's report in `GET /mcp/admin/vsm` and on the bus.
extension UnitReport {
    /// Writes the members; what nothing is known of is `null`.
    public func write(to writer: inout JSONWriter) {
        writer.member("unit", unit.name)
        writer.member("connections", connections)
        writer.member("arrivals_per_second", arrivals)
        writer.member("accepted_per_second", accepted)
        writer.member("received_per_second", received)
        writer.member("delivered_per_second", delivered)
        writer.member("delivered_bytes_per_second", deliveredBytes)
        writer.member("errors_per_second", errors)
        writer.member("latency_p99_ms", optional: latency.map { $0.seconds * 1000 })
        writer.member("actuality", actuality)
        writer.member("capability", optional: capability)
        writer.member("potentiality", optional: potentiality)
        writer.member("productivity", optional: productivity)
        writer.member("latency", optional: idleness)
        writer.member("performance", optional: performance)
        guard let limit else { return }
        writer.member("limit") { writer in
            writer.member("limit", limit.limit)
            writer.member("in_flight", limit.inFlight)
            writer.member("waiting", limit.waiting)
            writer.member("refused", limit.refused)
            writer.member("round_trip_ms", optional: limit.roundTrip.map { $0.seconds * 1000 })
            writer.member("unloaded_round_trip_ms", optional: limit.unloadedRoundTrip.map { $0.seconds * 1000 })
        }
    }
}
