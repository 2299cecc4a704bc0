import DequeModule

/// A forecast on trial: each is compared, when its time has come, with what it foretold and with the simplest forecast there
/// is, that all stays as it was. One that is no better than that is not used.
public struct ForecastTrial: Equatable, Sendable {
    /// How far ahead is foretold, in steps.
    public let horizon: Int
    private var model: HoltWinters
    private var pending: Deque<(forecast: Double, naive: Double)> = []
    private var errors = (forecast: 0.0, naive: 0.0)
    /// How often a forecast has been compared with what came.
    public private(set) var comparisons = 0
    /// Whether it is good enough to be used.
    public private(set) var isUsed = false
    /// The last figure.
    public private(set) var value: Double?

    /// Comparisons before anything is believed.
    public static let leastComparisons = 20
    /// It comes into use when its errors are this share of the naive ones, and goes out of use when it is no better.
    static let convincing = 0.9
    /// What is left of an old error with each new one.
    private static let memory = 0.98

    /// - Parameters:
    ///   - horizon: how far ahead is foretold, in steps.
    ///   - period: steps of one season; 0 for none.
    public init(horizon: Int, period: Int = 0) {
        precondition(horizon > 0, "A forecast is of the future")
        self.horizon = horizon
        model = HoltWinters(period: period)
    }

    public static func == (one: Self, other: Self) -> Bool {
        one.model == other.model && one.comparisons == other.comparisons && one.isUsed == other.isUsed
    }

    /// The figure of one more step.
    /// - Returns: whether the forecast has come into use or gone out of it.
    public mutating func observe(_ value: Double) -> Bool {
        let before = isUsed
        if pending.count == horizon, let due = pending.popFirst() {
            errors.forecast = Self.memory * errors.forecast + (1 - Self.memory) * abs(due.forecast - value)
            errors.naive = Self.memory * errors.naive + (1 - Self.memory) * abs(due.naive - value)
            comparisons += 1
        }
        model.observe(value)
        self.value = value
        pending.append((model.forecast(horizon), value))
        if comparisons >= Self.leastComparisons {
            isUsed = errors.forecast < errors.naive * (isUsed ? 1 : Self.convincing)
        }
        return isUsed != before
    }

    /// What is expected at the horizon; `nil` while it is not used.
    public var forecast: Double? { isUsed ? model.forecast(horizon) : nil }

    /// The share of the naive error that it saves: 1 foretells exactly, 0 is as good as none, less is worse. `nil` before
    /// there is something to compare.
    public var skill: Double? {
        comparisons >= Self.leastComparisons && errors.naive > 0 ? 1 - errors.forecast / errors.naive : nil
    }

    /// Steps until `bound` is reached if it goes on like this; `nil` if it is not within three horizons, or if the forecast
    /// is not used.
    public func steps(to bound: Double) -> Int? {
        guard isUsed, let value else { return nil }
        return value >= bound ? 0 : model.steps(to: bound, within: 3 * horizon)
    }
}
