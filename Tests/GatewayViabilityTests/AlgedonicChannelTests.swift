import GatewayCore
import GatewayViability
import TestSupport
import Testing

struct AlgedonicChannelTests {
    private static let source = PainSource(.memory)

    private static func at(_ seconds: Double) -> Instant { Instant(nanoseconds: Int64(seconds * 1e9)) }

    /// Lets the figures come one a second.
    private static func run(_ channel: inout AlgedonicChannel, _ values: [Double]) -> [(second: Int, AlgedonicSignal)] {
        values.enumerated().compactMap { second, value in
            channel.observe(source, intensity: value, now: at(Double(second))).map { (second, $0) }
        }
    }

    @Test func whatIsSettledInTimeIsHeardOfByNobody() {
        var channel = AlgedonicChannel()
        let signals = Self.run(&channel, [0.5, 0.95, 0.95, 0.95, 0.95] + Array(repeating: 0.5, count: 10))
        #expect(signals.isEmpty)
        #expect(channel.figures.episodes == 1 && channel.figures.settled == 1 && channel.figures.autonomy == 1)
        #expect(channel.present.isEmpty)
    }

    @Test func whatStaysGoesUpLevelByLevelAndEachHearsItOnce() {
        var channel = AlgedonicChannel()
        let signals = Self.run(&channel, Array(repeating: 0.95, count: 30))
        #expect(signals.map(\.second) == [5, 10, 15])
        #expect(signals.map(\.1.level) == [.control, .policy, .operator])
        #expect(signals.map(\.1.severity) == [.moderate, .high, .critical])
        #expect(signals.allSatisfy { $0.1.kind == .pain && $0.1.deadline == .seconds(5) && $0.1.recoveryTime == nil })
        #expect(signals.map(\.1.duration) == [.seconds(5), .seconds(10), .seconds(15)])
        #expect(channel.figures.pains == 3 && channel.figures.suppressed == 22)
        #expect(channel.figures.autonomy == 0)
    }

    @Test func theEndIsToldWithTheTimeItTook() throws {
        var channel = AlgedonicChannel()
        let values = Array(repeating: 0.97, count: 8) + Array(repeating: 0.3, count: 20)
        let signals = Self.run(&channel, values)
        #expect(signals.map(\.1.kind) == [.pain, .pleasure])
        let relief = try #require(signals.last).1
        #expect(relief.recoveryTime == .seconds(8) && relief.level == .control && relief.intensity == 0.97)
        #expect(signals.last?.second == 13, "calm for five seconds")
        #expect(channel.figures.pleasures == 1)
    }

    @Test func whatComesAndGoesIsOneEpisode() {
        var channel = AlgedonicChannel()
        let values = (0..<40).map { $0 % 4 < 2 ? 0.95 : 0.1 }
        let signals = Self.run(&channel, values)
        #expect(signals.map(\.1.level) == [.control, .policy, .operator])
        #expect(channel.figures.episodes == 1 && channel.figures.relapses > 5)
    }

    @Test func betweenTheThresholdsNothingChanges() {
        var channel = AlgedonicChannel()
        #expect(Self.run(&channel, Array(repeating: 0.85, count: 20)).isEmpty)
        #expect(channel.figures.episodes == 0)
        let signals = Self.run(&channel, [0.95] + Array(repeating: 0.85, count: 7))
        #expect(signals.map(\.1.kind) == [.pain])
    }

    @Test func sourcesAreKeptApart() {
        var channel = AlgedonicChannel()
        var told: Set<String> = []
        for second in 0..<8 {
            for loop in 0..<3 {
                let source = PainSource(.eventLoopLag, at: "loop/\(loop)")
                let intensity = loop == 2 ? 0.1 : 1.5
                if channel.observe(source, intensity: intensity, now: Self.at(Double(second))) != nil {
                    told.insert(source.place)
                }
            }
        }
        #expect(told == ["loop/0", "loop/1"])
        #expect(channel.present.map(\.source.place).sorted() == ["loop/0", "loop/1"])
        channel.forget { $0.place == "loop/0" }
        #expect(channel.present.map(\.source.place) == ["loop/1"])
    }

    /// Whatever comes: a relief never without a pain before it, levels only upward, nothing told to a level twice.
    @Test(arguments: 0..<100) func noWayAround(seed: Int) {
        var random = SeededGenerator(seed)
        var channel = AlgedonicChannel()
        var level = AlgedonicSignal.Level.operations
        for second in 0..<400 {
            let value = Double.random(in: 0...1.2, using: &random)
            guard let signal = channel.observe(Self.source, intensity: value, now: Self.at(Double(second))) else {
                continue
            }
            switch signal.kind {
            case .pain:
                #expect(signal.level > level)
                level = signal.level
            case .pleasure:
                #expect(signal.level == level && level > .operations)
                level = .operations
            }
        }
        let figures = channel.figures
        #expect(figures.settled <= figures.decided && figures.decided <= figures.episodes)
    }
}
