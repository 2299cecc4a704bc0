import Testing

@testable import GatewayCore

/// Numbered messages come out in order, each once, whatever the network does to them.
@Suite struct MessageSequencerTests {
    private typealias Sequencer = MessageSequencer<Int, Int>
    private static let limits = SequencerLimits()

    /// A client that repeats and shuffles; every answer is the number itself.
    private struct Life {
        var sequencer = MessageSequencer<Int, Int>()
        var limits = SequencerLimits()
        var now = Instant.zero
        var processed: [Int] = []
        var lost: [Int] = []

        mutating func arrive(_ number: Int) -> MessageSequencer<Int, Int>.Arrival {
            let arrival = sequencer.arrived(number, cost: 10, limits: limits, now: now) { number }
            if case .process = arrival { process(number) }
            return arrival
        }

        mutating func process(_ number: Int) {
            var next: Int? = number
            while let number = next {
                processed.append(number)
                next = sequencer.processed(number, limits: limits, now: now)
            }
        }

        mutating func pass(_ span: Instant.Span) {
            now = now + span
            while let (loss, next) = sequencer.expire(limits: limits, now: now) {
                lost += loss.from...loss.to
                process(next)
            }
        }
    }

    @Test(arguments: 0..<500)
    func everythingThatComesIsProcessedOnceAndInOrder(seed: Int) {
        var random = SeededGenerator(seed)
        var life = Life()
        life.limits.buffered = random.pick([3, 10, 100])
        let count = 40
        var open = Array(0..<count)
        var rounds = 0
        while !open.isEmpty, rounds < 2000 {
            rounds += 1
            // Mostly near the front, as a network does it; now and then something that has been here.
            let number =
                random.oneIn(4) ? random.below(count) : open[random.below(min(open.count, 6))]
            switch life.arrive(number) {
            case .process, .buffered, .duplicateOfBuffered: open.removeAll { $0 == number }
            case .duplicate(let answer): #expect(answer == number, "seed \(seed)")
            case .tooOld: #expect(number < life.sequencer.expected - life.limits.buffered, "seed \(seed)")
            case .full:
                #expect(
                    number - life.sequencer.expected >= life.limits.buffered
                        || life.sequencer.bufferedCount == life.limits.buffered, "seed \(seed)")
            }
            #expect(life.sequencer.bufferedCount <= life.limits.buffered)
        }
        #expect(life.processed == Array(0..<count), "seed \(seed)")
        #expect(life.sequencer.bufferedBytes == 0 && life.sequencer.deadline == nil)
    }

    @Test(arguments: 0..<200)
    func whatNeverComesIsGivenUpAndNothingElse(seed: Int) {
        var random = SeededGenerator(seed)
        var life = Life()
        let missing = Set((0..<20).filter { _ in random.oneIn(4) })
        for number in 0..<20 where !missing.contains(number) {
            _ = life.arrive(number)
            if random.oneIn(5) { life.pass(.seconds(2)) }
        }
        life.pass(.seconds(6))
        life.pass(.seconds(6))
        let last = (0..<20).last { !missing.contains($0) } ?? -1
        #expect(life.processed == (0..<20).filter { !missing.contains($0) }, "seed \(seed)")
        #expect(life.lost == (0..<20).filter { missing.contains($0) && $0 < last }, "seed \(seed)")
    }

    @Test func theTimeoutBeginsWhenSomethingIsMissing() {
        var life = Life()
        _ = life.arrive(1)
        life.pass(.milliseconds(4999))
        #expect(life.processed.isEmpty)
        life.pass(.milliseconds(1))
        #expect(life.processed == [1] && life.lost == [0])
        guard case .tooOld = life.arrive(0) else {
            Issue.record("given up means given up")
            return
        }
    }

    @Test func bytesAreBounded() {
        var life = Life()
        life.limits.bufferedBytes = 25
        _ = life.arrive(1)
        _ = life.arrive(2)
        guard case .full = life.arrive(3) else {
            Issue.record("30 bytes wait")
            return
        }
    }

    @Test func aRefusedNumberCanBeUsedAgain() {
        var sequencer = MessageSequencer<Int, Int>()
        guard case .process = sequencer.arrived(0, cost: 1, limits: Self.limits, now: .zero, keep: { 0 }) else {
            Issue.record("the first")
            return
        }
        sequencer.refused(limits: Self.limits, now: .zero)
        guard case .process = sequencer.arrived(0, cost: 1, limits: Self.limits, now: .zero, keep: { 0 }) else {
            Issue.record("the first again")
            return
        }
    }

    @Test func whatArrivesWhileOneIsUnderWayWaits() {
        // Two connections at once: the second must not overtake the first.
        var sequencer = MessageSequencer<Int, Int>()
        _ = sequencer.arrived(0, cost: 1, limits: Self.limits, now: .zero) { 0 }
        guard case .buffered = sequencer.arrived(1, cost: 1, limits: Self.limits, now: .zero, keep: { 1 }) else {
            Issue.record("it overtakes")
            return
        }
        #expect(sequencer.processed(0, limits: Self.limits, now: .zero) == 1)
    }
}
