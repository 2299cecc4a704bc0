import Testing

/// The promise of contract §6: per session, messages are delivered in order, without holes or repeats, through every
/// switch and every resume, unless a signal explains it. Each seed is one life of a client; a failure prints its seed and
/// the events that led to it.
@Suite struct InterleavingTests {
    @Test(arguments: 0..<2000)
    func receiptsAreInOrderWithoutHolesOrRepeats(seed: Int) {
        check(seed, [.delivery, .state, .wake])
    }

    @Test(arguments: 0..<400)
    func durableMessagesToAnAbsentClientAreDeliveredOrRefused(seed: Int) {
        check(seed, [.durable])
    }

    @Test(arguments: 0..<200)
    func aQueueRefusesOnlyWhenItIsFull(seed: Int) {
        check(seed, [.room])
    }

    private func check(_ seed: Int, _ rules: Set<Simulation.Rule>) {
        if let complaint = Simulation.complaint(seed: seed, rules: rules) { Issue.record("\(complaint)") }
    }
}
