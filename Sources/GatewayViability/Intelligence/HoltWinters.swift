/// Exponential smoothing of a level, a trend that dies away, and, if asked for, a season (Holt and Winters, additive; the
/// damped trend is Gardner and McKenzie's).
public struct HoltWinters: Equatable, Sendable {
    /// Weights of what is new: for the level, the trend and the season.
    private static let alpha = 0.4, beta = 0.1, gamma = 0.2
    /// What is left of the trend after each step: it is not believed for ever.
    private static let damping = 0.98

    private var level = 0.0
    private var trend = 0.0
    private var season: [Double]
    private var step = 0

    /// - Parameter period: steps of one season; 0 for none.
    public init(period: Int = 0) { season = Array(repeating: 0, count: max(0, period)) }

    /// The figure of one more step.
    public mutating func observe(_ value: Double) {
        defer { step += 1 }
        guard step > 0 else { return level = value }
        let expected = season.isEmpty ? 0 : season[step % season.count]
        let before = level
        level = Self.alpha * (value - expected) + (1 - Self.alpha) * (level + Self.damping * trend)
        trend = Self.beta * (level - before) + (1 - Self.beta) * Self.damping * trend
        guard !season.isEmpty else { return }
        season[step % season.count] = Self.gamma * (value - level) + (1 - Self.gamma) * expected
    }

    /// What is to be expected so many steps behind the last figure.
    public func forecast(_ steps: Int) -> Double {
        var sum = 0.0
        var weight = 1.0
        for _ in 0..<steps {
            weight *= Self.damping
            sum += weight
        }
        let expected = season.isEmpty ? 0 : season[(step - 1 + steps) % season.count]
        return level + sum * trend + expected
    }

    /// The first step behind the last figure on which `bound` is reached; `nil` if it is not within `steps`.
    public func steps(to bound: Double, within steps: Int) -> Int? {
        guard steps > 0, step > 0 else { return nil }
        var sum = 0.0
        var weight = 1.0
        for ahead in 1...steps {
            weight *= Self.damping
            sum += weight
            let expected = season.isEmpty ? 0 : season[(step - 1 + ahead) % season.count]
            if level + sum * trend + expected >= bound { return ahead }
        }
        return nil
    }
}
