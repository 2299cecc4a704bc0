public import GatewayCore

/// S4 proposes to S3 to have room ready for a unit, before anybody is refused for want of it; or proposes it no more.
public struct Proposal: Equatable, Sendable {
    public let resource: Loan.Resource
    /// For whom, by the name in reports.
    public let unit: String
    /// Whether it is proposed from now on; otherwise that is over.
    public let isMade: Bool
    /// Connections that it is expected to have.
    public let expected: Int
    /// How far ahead that is.
    public let within: Instant.Span
}

/// What S4 proposes to S3: of each transport's connections it makes a forecast, and where one that is used says that there
/// will be more, S3 is to ask for them now. Counts in, events out: a value without a clock.
struct Proposals: Sendable {
    /// One is made when this part of all places is expected on top of what is used; it is over when nothing is.
    private static let leastPart = 200

    private let settings: ViabilitySettings
    private var trials: [Transport: ForecastTrial] = [:]
    /// Connections that transports are expected to have, where that is proposed.
    private(set) var expected: [Transport: Int] = [:]

    init(_ settings: ViabilitySettings) { self.settings = settings }

    /// How far ahead they look.
    var horizon: Instant.Span {
        Instant.Span(nanoseconds: settings.forecastStep.nanoseconds * Int64(settings.forecastHorizon))
    }

    /// One step of the forecasts.
    /// - Parameters:
    ///   - used: connections that each transport has.
    ///   - capacity: how many all of them together may have.
    mutating func observe(_ used: [Transport: Int], capacity: Int) -> [ViableEvent] {
        used.keys.sorted().compactMap { transport in
            let now = used[transport]!
            _ = trials[transport, default: ForecastTrial(horizon: settings.forecastHorizon)].observe(Double(now))
            let forecast = trials[transport]!.forecast.map { Int(min(max(0, $0), Double(capacity)).rounded()) } ?? 0
            let wasMade = expected[transport] != nil
            let isMade = forecast - now >= (wasMade ? 1 : max(1, capacity / Self.leastPart))
            expected[transport] = isMade ? forecast : nil
            guard isMade != wasMade else { return nil }
            return .proposal(
                Proposal(
                    resource: .connections, unit: transport.name, isMade: isMade, expected: forecast, within: horizon))
        }
    }
}
