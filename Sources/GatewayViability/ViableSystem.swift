public import GatewayCore

/// The node as a viable system: units (S1) report, S2 watches for restlessness, S3 for what is short, S3* for what the
/// reports do not say, S4 for what is to come; S5 chooses by what the node lives; and what hurts goes past them all.
///
/// Samples in, events out: a value without I/O and without a clock. Nothing in it is called for a message.
public struct ViableSystem: Sendable {
    /// What it was told when it began, and the policy that holds.
    public private(set) var settings: ViabilitySettings
    /// How often the policy has been replaced.
    public private(set) var policyVersion = 1

    private var units: [UnitID: OperationalUnit] = [:]
    private var limitWatch = LimitWatch()
    private var processorTimes: [Int: (time: Instant.Span, at: Instant)] = [:]
    private var unitWindows: [UnitID: VarietyWindow] = [:]
    var window: VarietyWindow
    var channel: AlgedonicChannel
    var intelligence: Intelligence
    var modes = ModeMachine()
    /// The resource bargain for connections; `nil` if there is none.
    public private(set) var connections: ConnectionBargain?
    /// The same for memory.
    public private(set) var memory: MemoryBargain?
    /// The same for bytes sent; `nil` if they have no budget, too.
    public private(set) var egress: EgressBargain?
    /// The same for what servers share: processes, and connections to them; empty if there is none.
    public private(set) var servers: [ServerBargain] = []
    private(set) var modeSince: Instant?
    private(set) var timeInMode: [OperatingMode: Instant.Span] = [:]
    private(set) var decisions = 0
    private(set) var oscillation = (
        mode: OscillationIndex(), shedding: OscillationIndex(), transports: OscillationIndex()
    )
    private(set) var admissionRate: AdmissionRate
    private(set) var reports: [UnitReport] = []
    private(set) var pressure = 0.0
    private(set) var utilisation: [Int: Double] = [:]
    private(set) var node = NodeSample()
    private(set) var beats = 0
    private(set) var lastBeat: Instant?
    private(set) var audit = (count: 0, findings: AuditFindings(), last: AuditFindings())
    /// Signals of late, the last one last.
    private(set) var recent: [(at: Instant, signal: AlgedonicSignal)] = []

    private static let recentSignals = 32

    public init(_ settings: ViabilitySettings) {
        self.settings = settings
        window = VarietyWindow(length: settings.varietyWindow)
        channel = AlgedonicChannel(settings.algedonic)
        intelligence = Intelligence(settings)
        connections = settings.control.isOn ? ConnectionBargain(settings.control) : nil
        memory = settings.control.isOn ? MemoryBargain(settings.control) : nil
        egress = settings.control.isOn && settings.control.egress > 0 ? EgressBargain(settings.control) : nil
        if settings.control.isOn {
            servers = [Loan.Resource.processes, .pool].map { ServerBargain(settings.control, $0) }
        }
        admissionRate = AdmissionRate(minimum: settings.coordination.minimumRate)
    }

    /// The present mode.
    public var mode: OperatingMode { modes.mode }

    /// What is refused in the present mode, whatever the memory would allow: what S1 goes by.
    public var floor: OverloadLadder.Step { settings.isPolicyOn ? settings.policy.step(in: modes.mode) : .none }

    /// Connections that are granted to each transport, and those that it is to give back now; empty if nothing is shared.
    public var connectionGrants: (granted: [Transport: PlaceGrant], recalled: [Transport: Int]) {
        (connections?.grants ?? [:], connections?.recalled ?? [:])
    }

    /// The same for a resource and servers; `nil` if it is not shared.
    public func grants(of resource: Loan.Resource) -> (granted: [String: PlaceGrant], recalled: [String: Int])? {
        servers.first { $0.resource == resource }.map { ($0.grants, $0.recalled) }
    }

    /// All that is shared.
    public var budgets: [any Budget] {
        let ofTransports: [(any Budget)?] = [connections, memory, egress]
        return ofTransports.compactMap(\.self) + servers
    }

    /// The rules that speak of the present mode: what S1 looks messages up in.
    public var rules: RuleTable? { settings.isPolicyOn ? RuleTable(settings.policy.rules, in: modes.mode) : nil }

    /// The limits that hold in every mode.
    public var limits: [PolicyLimit] { settings.isPolicyOn ? settings.policy.limits : [] }

    /// Clients a second that those who are refused are told to come back at: what S2 hands out.
    public var returnRate: Double { admissionRate.perSecond }

    /// What the channel past the hierarchy has come to.
    public var algedonicFigures: AlgedonicChannel.Figures { channel.figures }

    /// What the audits have found since the beginning, and how many there were.
    public var auditFigures: (count: Int, findings: AuditFindings) { (audit.count, audit.findings) }

    /// Connections of clients that began in an odd way since the beginning.
    public var anomaliesSoFar: [Anomaly.Pattern: Int] { intelligence.anomalies.counted }

    /// What the units have reported on the last beat.
    public var lastReports: [UnitReport] { reports }

    /// The entropy of clients' messages in the last whole window, before and behind admission.
    public var varietyBits: (incoming: Double?, outgoing: Double?) {
        (window.report?.incoming?.bits, window.report?.outgoing?.bits)
    }

    /// How restless the node is.
    public var restlessness: Restlessness {
        var restlessness = Restlessness()
        restlessness.transports = oscillation.transports.perHour
        restlessness.shedding = oscillation.shedding.perHour
        restlessness.mode = oscillation.mode.perHour
        return restlessness
    }

    /// Another policy holds from now on.
    /// - Returns: whether it differs from the one before.
    @discardableResult
    public mutating func reload(_ policy: Policy) -> Bool {
        guard policy != settings.policy else { return false }
        settings.policy = policy
        policyVersion += 1
        return true
    }

    /// What the units, the loops and the node have counted.
    public mutating func beat(
        units samples: [UnitSample], loops: [LoopSample], node: NodeSample, now: Instant
    ) -> [ViableEvent] {
        if let lastBeat {
            timeInMode[mode] = Instant.Span(nanoseconds: elapsed(in: mode) + (now - lastBeat).nanoseconds)
        }
        lastBeat = now
        if modeSince == nil { modeSince = now }
        beats += 1
        self.node = node
        note(loops, now)
        report(samples, loops: loops.count, now)
        pressure = (loops.map(\.lag).max() ?? Instant.Span(nanoseconds: 0)).seconds / settings.policy.maxLag.seconds
        admissionRate.observe(admitted: node.opened, now: now)
        var events = intelligence.observe(reports, loops: loops, node, now: now)
        events += share(node, now)
        events += shareEgress(samples, now)
        events += shareAmongServers(node, now)
        events += choose(now)
        events += limitWatch.observe(node.limits, calm: settings.policy.dwell, now: now).map(ViableEvent.limit)
        oscillation.mode.observe(Double(mode.rawValue), now: now)
        oscillation.shedding.observe(Double(node.shedding.rawValue), now: now)
        oscillation.transports.observe(Double(node.switches.better - node.switches.worse), now: now)
        if settings.isAlgedonicOn { events += feel(loops, now) }
        return events
    }

    /// Offers transports what the node has, and grants what they ask for as far as that is fair.
    public mutating func share(_ node: NodeSample, _ now: Instant) -> [ViableEvent] {
        guard connections != nil, memory != nil else { return [] }
        var demands = node.connectionDemand
        for (transport, expected) in intelligence.proposals.expected { demands[transport]?.expected = expected }
        return connections!.settle(capacity: node.connectionCapacity, demands, now: now)
            + memory!.settle(held: node.heldBytes, memory: node.memory, now: now)
    }

    /// The same for bytes sent, by what transports on event loops have sent.
    public mutating func shareEgress(_ samples: [UnitSample], _ now: Instant) -> [ViableEvent] {
        guard egress != nil else { return [] }
        var demands: [EgressBargain.Place: EgressBargain.Demand] = [:]
        for sample in samples {
            guard case .transport(let transport, let loop) = sample.unit else { continue }
            demands[EgressBargain.Place(transport, loop: loop)] = sample.egress
        }
        return egress!.settle(demands, now: now)
    }

    /// The same for what servers share.
    public mutating func shareAmongServers(_ node: NodeSample, _ now: Instant) -> [ViableEvent] {
        var events: [ViableEvent] = []
        for index in servers.indices {
            guard let demand = node.serverDemands[servers[index].resource] else { continue }
            events += servers[index].settle(capacity: demand.capacity, demand.demands, now: now)
        }
        return events
    }

    /// What an audit has found.
    public mutating func audited(_ findings: AuditFindings, now: Instant) -> [ViableEvent] {
        audit.count += 1
        audit.findings.add(findings)
        audit.last = findings
        return findings.isClean ? [] : [.audit(findings)]
    }

    private func elapsed(in mode: OperatingMode) -> Int64 { timeInMode[mode]?.nanoseconds ?? 0 }

    private mutating func note(_ loops: [LoopSample], _ now: Instant) {
        for loop in loops {
            if let (time, at) = processorTimes[loop.index], now > at {
                utilisation[loop.index] = (loop.processorTime - time) / (now - at)
            }
            processorTimes[loop.index] = (loop.processorTime, now)
        }
    }

    private mutating func report(_ samples: [UnitSample], loops: Int, _ now: Instant) {
        reports = samples.compactMap { sample in
            var share: Double?
            if case .transport(_, let loop) = sample.unit { share = utilisation[loop] }
            return units[sample.unit, default: OperationalUnit()].report(
                sample, utilisation: share, loops: loops, processors: node.processors, now: now)
        }
        for sample in samples {
            unitWindows[sample.unit, default: VarietyWindow(length: settings.varietyWindow)].observe(
                [(sample.arrivals, sample.accepted)], now: now)
        }
        window.observe(samples.map { ($0.arrivals, $0.accepted) }, now: now)
        let present = Set(samples.map(\.unit))
        for unit in units.keys where !present.contains(unit) {
            units[unit] = nil
            unitWindows[unit] = nil
            channel.forget { $0.pain == .errors && $0.place == unit.name }
        }
    }

    /// The variety of one unit.
    func variety(of unit: UnitID) -> VarietyWindow.Report? { unitWindows[unit]?.report }

    private mutating func choose(_ now: Instant) -> [ViableEvent] {
        guard settings.isPolicyOn else { return [] }
        let before = mode
        let timeToCapacity = intelligence.timeToCapacity
        let wanted = ModeMachine.wanted(
            pressure: pressure, timeToCapacity: timeToCapacity, policy: settings.policy)
        guard modes.observe(wanted, policy: settings.policy, now: now) else { return [] }
        decisions += 1
        modeSince = now
        return [
            .mode(
                ModeChange(
                    from: before, to: mode, floor: floor, pressure: pressure, timeToCapacity: timeToCapacity))
        ]
    }

    private mutating func feel(_ loops: [LoopSample], _ now: Instant) -> [ViableEvent] {
        var feelings: [(PainSource, Double)] = loops.map { loop in
            (PainSource(.eventLoopLag, at: "loop/\(loop.index)"), loop.lag.seconds / settings.policy.maxLag.seconds)
        }
        if node.memory.budget > 0 {
            feelings.append((PainSource(.memory), Double(node.memory.used) / Double(node.memory.budget)))
        }
        for service in node.connections where service.limit > 0 {
            feelings.append(
                (PainSource(.connections, at: service.service), Double(service.open) / Double(service.limit)))
        }
        for report in reports {
            feelings.append((PainSource(.errors, at: report.unit.name), report.errors / settings.maxErrorRate))
        }
        feelings.append((PainSource(.storage), node.isStorageFailing ? 1 : 0))
        feelings.append((PainSource(.audit), audit.last.isClean ? 0 : 1))
        return feelings.compactMap { source, intensity in
            guard let signal = channel.observe(source, intensity: intensity, now: now) else { return nil }
            recent.append((now, signal))
            if recent.count > Self.recentSignals { recent.removeFirst() }
            return .signal(signal)
        }
    }
}

extension Instant.Span {
    /// From one length of time to another.
    fileprivate static func - (a: Self, b: Self) -> Self { Self(nanoseconds: a.nanoseconds - b.nanoseconds) }

    /// How many times one length of time fits into another.
    fileprivate static func / (a: Self, b: Self) -> Double { Double(a.nanoseconds) / Double(b.nanoseconds) }
}
