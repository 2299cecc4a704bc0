import GatewayCore

/// Outside and then (S4): what the node is like at present, and what is to be expected. A value without a clock.
struct Intelligence: Sendable {
    /// The requirements' report (`gateway_performance`).
    struct Metrics: Equatable, Sendable {
        var activeConnections = 0
        var messageRate = 0.0
        /// The slowest unit's; `nil` without deliveries.
        var latency: Instant.Span?
        var distribution: [(transport: String, connections: Int)] = []
        /// Errors for each thing that was received or delivered.
        var errorRate: Double?

        static func == (one: Self, other: Self) -> Bool {
            one.activeConnections == other.activeConnections && one.messageRate == other.messageRate
                && one.latency == other.latency && one.errorRate == other.errorRate
                && one.distribution.elementsEqual(other.distribution, by: ==)
        }
    }

    /// Who comes back if the node goes now.
    struct Herd: Equatable, Sendable {
        let clients: Int
        /// When all of them do, if it dies.
        let retry: Instant.Span
        /// Over how many seconds they are spread if it takes leave; `nil` if nothing spreads them.
        let drainSeconds: Double?
    }

    /// What is used of a resource, in percent.
    struct Use: Equatable, Sendable {
        let resource: Resource
        let percent: Double
    }

    let settings: ViabilitySettings
    private(set) var metrics = Metrics()
    private(set) var trials: [Metric: ForecastTrial] = [:]
    private(set) var watch: CapacityWatch
    private(set) var surges = SurgeDetector()
    private(set) var anomalies = AnomalyWatch()
    private(set) var proposals: Proposals
    private(set) var herd: Herd?
    private(set) var uses: [Use] = []
    private var stepSince: Instant?
    private var sums: [Metric: (sum: Double, count: Int)] = [:]
    private var last: (opened: Int, processorSeconds: Double, at: Instant)?
    private var bounds: [Metric: Double] = [:]

    init(_ settings: ViabilitySettings) {
        self.settings = settings
        watch = CapacityWatch(settings.capacity)
        proposals = Proposals(settings)
        for metric in Metric.allCases { trials[metric] = ForecastTrial(horizon: settings.forecastHorizon) }
    }

    /// When the first bound is reached, if it goes on like this; `nil` for not within sight.
    var timeToCapacity: Instant.Span? {
        Metric.allCases.compactMap(timeToCapacity(of:)).min()
    }

    func timeToCapacity(of metric: Metric) -> Instant.Span? {
        guard let bound = bounds[metric], let steps = trials[metric]?.steps(to: bound) else { return nil }
        return Instant.Span(nanoseconds: Int64(steps) * settings.forecastStep.nanoseconds)
    }

    mutating func observe(
        _ units: [UnitReport], loops: [LoopSample] = [], _ node: NodeSample, now: Instant
    ) -> [ViableEvent] {
        note(units, node)
        guard settings.isIntelligenceOn else { return [] }
        var events = capacity(units, node, now)
        events += look(ahead: node, now)
        events += anomalies.observe(loops.map(\.anomalies), now: now)
        last = (node.opened, node.processorSeconds, now)
        return events
    }

    private mutating func note(_ units: [UnitReport], _ node: NodeSample) {
        let connected = units.filter { if case .transport = $0.unit { true } else { false } }
        metrics.activeConnections = connected.reduce(0) { $0 + $1.connections }
        metrics.messageRate = connected.reduce(0) { $0 + $1.delivered + $1.received }
        metrics.latency = connected.compactMap(\.latency).max()
        metrics.distribution = Transport.allCases.map { transport in
            let connections = connected.reduce(0) { sum, report in
                if case .transport(transport, _) = report.unit { sum + report.connections } else { sum }
            }
            return (transport.name, connections)
        }
        let errors = connected.reduce(0) { $0 + $1.errors }
        metrics.errorRate = metrics.messageRate + errors > 0 ? errors / (metrics.messageRate + errors) : nil
        herd = Herd(
            clients: metrics.activeConnections, retry: node.retry,
            drainSeconds: node.drainRate > 0 ? Double(metrics.activeConnections) / node.drainRate : nil)
    }

    private mutating func capacity(_ units: [UnitReport], _ node: NodeSample, _ now: Instant) -> [ViableEvent] {
        func percent(_ part: Double, _ whole: Double) -> Double { whole > 0 ? 100 * part / whole : 0 }
        uses = [
            Use(resource: .memory, percent: percent(Double(node.memory.used), Double(node.memory.budget))),
            Use(
                resource: .connections,
                percent: node.connections.map { percent(Double($0.open), Double($0.limit)) }.max() ?? 0),
        ]
        if let last, now > last.at {
            let share = (node.processorSeconds - last.processorSeconds) / (now - last.at).seconds
            uses.append(Use(resource: .processor, percent: percent(share, Double(node.processors))))
        }
        if settings.bandwidth > 0 {
            let bytes = units.reduce(0) { $0 + $1.deliveredBytes }
            uses.append(Use(resource: .bandwidth, percent: percent(bytes, Double(settings.bandwidth))))
        }
        return uses.compactMap { use in
            watch.observe(use.resource, used: use.percent).map { ViableEvent.capacity($0) }
        }
    }

    private mutating func look(ahead node: NodeSample, _ now: Instant) -> [ViableEvent] {
        var events: [ViableEvent] = []
        if let last, now > last.at {
            let rate = Double(max(0, node.opened - last.opened)) / (now - last.at).seconds
            let usual = surges.usual ?? 0
            if surges.observe(rate) { events.append(.surge(perSecond: rate, usual: usual)) }
        }
        bounds = [
            .connections: Double(node.connections.filter { $0.service != "http" }.reduce(0) { $0 + $1.limit }),
            // Where the overload ladder begins, not where it ends: what is foreseen later than that comes too late.
            .memory: Double(node.memory.budget) * Double(OverloadLadder.Step.connections.percent) / 100,
        ]
        let values: [Metric: Double] = [
            .connections: Double(metrics.activeConnections), .messageRate: metrics.messageRate,
            .memory: Double(node.memory.used),
        ]
        for (metric, value) in values {
            let before = sums[metric] ?? (0, 0)
            sums[metric] = (before.sum + value, before.count + 1)
        }
        guard let stepSince else {
            self.stepSince = now
            return events
        }
        guard now - stepSince >= settings.forecastStep else { return events }
        self.stepSince = now
        for metric in Metric.allCases {
            guard let (sum, count) = sums[metric], count > 0 else { continue }
            if trials[metric]?.observe(sum / Double(count)) == true {
                events.append(.forecast(metric, isUsed: trials[metric]?.isUsed == true))
            }
        }
        sums = [:]
        return events + proposals.observe(node.connectionDemand.mapValues(\.used), capacity: node.connectionCapacity)
    }
}
