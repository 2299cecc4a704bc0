import Testing

/// The promise of contract §6: per session, messages are delivered in order, without holes or repeats, through every
/// switch and every resume, unless a signal explains it. Each seed is one life of a client; a failure prints its seed and
/// the events that led to it.
@Suite struct InterleavingTests {
    @Test(arguments: 0..<2000)
    func receiptsAreInOrderWithoutHolesOrRepeats(seed: Int) {
        if let complaint = Simulation.complaint(seed: seed, ignoring: [.durable]) { Issue.record("\(complaint)") }
    }

    @Test(arguments: 0..<500)
    func durableMessagesToAnAbsentClientAreDeliveredOrRefused(seed: Int) {
        if let complaint = Simulation.complaint(seed: seed, ignoring: [.delivery, .state, .wake]) {
            Issue.record("\(complaint)")
        }
    }
}
