import Testing

/// The examination of `InterleavingTests` notices sessions that are broken on purpose.
@Suite struct CheckerTests {
    /// Lives in which an unbroken session passes.
    static let seeds = (0..<240).filter { seed in
        var simulation = Simulation(seed: seed)
        return simulation.run() == nil
    }

    @Test(arguments: Subject.Fault.allCases)
    func aBrokenSessionIsNoticed(fault: Subject.Fault) {
        var struck = 0
        var noticed = 0
        for seed in Self.seeds {
            var simulation = Simulation(seed: seed, fault: fault)
            let finding = simulation.run()
            if simulation.subject.strikes > 0 {
                struck += 1
                if finding != nil { noticed += 1 }
            } else {
                #expect(finding == nil, "seed \(seed)")
            }
        }
        // Many strikes do no harm: the place of a connection that never delivers, a wake that is followed by another.
        #expect(noticed >= 5, "\(noticed) of \(struck) lives with the fault were noticed, of \(Self.seeds.count)")
    }
}
