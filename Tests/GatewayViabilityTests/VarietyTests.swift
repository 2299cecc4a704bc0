import GatewayCore
import GatewayViability
import TestSupport
import Testing

struct VarietyTests {
    @Test func equallyLikelyStatesHaveTheLogarithmOfTheirNumber() throws {
        let estimate = try #require(VarietyEstimate(Array(repeating: 100_000, count: 8)))
        #expect(abs(estimate.bits - 3) < 0.001)
        #expect(estimate.samples == 800_000 && estimate.states == 8)
    }

    @Test func oneStateHasNone() throws {
        #expect(try #require(VarietyEstimate([0, 500, 0])).bits == 0)
    }

    @Test(arguments: [[], [0, 0], [5], [9, 10], [1, 1, 20]])
    func tooFewSamplesSayNothing(counts: [Int]) { #expect(VarietyEstimate(counts) == nil) }

    /// The plain estimate is too low by a known amount on the average; the corrected one is not.
    @Test func theCorrectionTakesTheBiasAway() {
        var random = SeededGenerator(1)
        var plain = 0.0
        var corrected = 0.0
        let rounds = 300
        let states = 16
        let samples = 160
        for _ in 0..<rounds {
            var counts = Array(repeating: 0, count: states)
            for _ in 0..<samples { counts[Int.random(in: 0..<states, using: &random)] += 1 }
            guard let estimate = VarietyEstimate(counts) else { continue }
            corrected += estimate.bits
            plain += estimate.bits - Double(states - 1) / (2 * Double(samples) * 0.693147)
        }
        #expect(abs(corrected / Double(rounds) - 4) < 0.01)
        #expect(plain / Double(rounds) < 3.95)
    }

    @Test(arguments: [(0, 0), (64, 0), (65, 1), (128, 1), (129, 2), (1 << 20, 14), ((1 << 20) + 1, 15), (1 << 40, 15)])
    func sizesFallIntoOctaves(bytes: Int, octave: Int) {
        var counts = VarietyCounts()
        counts.add(bytes: bytes)
        #expect(counts.values.firstIndex(of: 1) == octave && counts.values.reduce(0, +) == 1)
    }

    @Test func aWindowTellsWhatCameAndWhatWasLetThrough() throws {
        var window = VarietyWindow(length: .seconds(60))
        var incoming = VarietyCounts()
        var outgoing = VarietyCounts()
        window.observe([(incoming, outgoing)], now: .zero)
        for _ in 0..<100 {
            incoming.add(bytes: 10)
            incoming.add(bytes: 100)
            incoming.add(bytes: 1000)
            incoming.add(bytes: 10_000)
            outgoing.add(bytes: 10)
            outgoing.add(bytes: 100)
        }
        window.observe([(incoming, outgoing)], now: .zero + .seconds(59))
        #expect(window.report == nil, "a window is told when it is whole")
        window.observe([(incoming, outgoing)], now: .zero + .seconds(60))
        let report = try #require(window.report)
        #expect(report.samples == (400, 200))
        let incomingBits = try #require(report.incoming).bits
        let outgoingBits = try #require(report.outgoing).bits
        #expect(abs(incomingBits - 2) < 0.01)
        #expect(abs(outgoingBits - 1) < 0.01)
        let reduction = try #require(report.reduction)
        #expect(abs(reduction - 50) < 0.5)
        // A window without messages has nothing to say.
        window.observe([(incoming, outgoing)], now: .zero + .seconds(120))
        #expect(
            window.report?.incoming == nil && window.report?.samples.incoming == 0 && window.report?.reduction == nil)
    }

    @Test func thePartsOfANodeAreToldApart() throws {
        var window = VarietyWindow(length: .seconds(1))
        var one = VarietyCounts()
        var other = VarietyCounts()
        window.observe([(one, one), (other, other)], now: .zero)
        for _ in 0..<1000 {
            one.add(bytes: 10)
            other.add(bytes: 10)
        }
        window.observe([(one, one), (other, other)], now: .zero + .seconds(1))
        let bits = try #require(window.report?.incoming).bits
        #expect(abs(bits - 1) < 0.01)
    }
}
