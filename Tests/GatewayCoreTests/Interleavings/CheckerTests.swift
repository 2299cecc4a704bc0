import Testing

/// The examination of `InterleavingTests` notices sessions that are broken on purpose.
@Suite struct CheckerTests {
    @Test(arguments: Subject.Fault.allCases)
    func aBrokenSessionIsNoticed(fault: Subject.Fault) {
        var struck = 0
        var noticed = 0
        for seed in 0..<120 {
            var simulation = Simulation(seed: seed, fault: fault)
            let finding = simulation.run()
            var unbroken = Simulation(seed: seed)
            guard simulation.subject.strikes > 0, unbroken.run() == nil else { continue }
            struck += 1
            if finding != nil { noticed += 1 }
        }
        #expect(struck >= 10, "the fault hardly ever strikes: \(struck)")
        // Some strikes do no harm: a place of a connection that never delivers, a wake that is followed by another.
        #expect(noticed * 4 >= struck, "\(noticed) of \(struck) lives with the fault were noticed")
    }
}
