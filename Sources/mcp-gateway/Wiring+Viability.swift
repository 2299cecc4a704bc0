import GatewayConfiguration
import GatewayCore
import GatewayViability

extension ViabilitySettings {
    init(_ configuration: GatewayConfiguration) {
        self.init()
        let viability = configuration.viability
        name = configuration.cluster.nodeID
        interval = Instant.Span(viability.interval)
        varietyWindow = Instant.Span(viability.varietyWindow)
        isAlgedonicOn = viability.algedonic.enabled
        algedonic.deadline = Instant.Span(viability.algedonic.deadline)
        algedonic.calm = Instant.Span(viability.algedonic.calm)
        algedonic.onset = viability.algedonic.onset
        algedonic.release = viability.algedonic.release
        maxErrorRate = viability.algedonic.maxErrorRate
        isIntelligenceOn = viability.intelligence.enabled
        forecastStep = Instant.Span(viability.intelligence.step)
        forecastHorizon = viability.intelligence.horizon
        bandwidth = viability.intelligence.bandwidth
        isAuditOn = viability.audit.enabled
        auditInterval = Instant.Span(viability.audit.interval)
        coordination.isOn = viability.coordination.enabled
        coordination.minimumRate = viability.coordination.minimumRate
        coordination.maximumWait = Instant.Span(viability.coordination.maximumWait)
        control = ControlSettings(viability.control)
        let alerts = configuration.capacityAlerts
        capacity.processor = alerts.cpuThreshold
        capacity.memory = alerts.memoryThreshold
        capacity.connections = alerts.connectionThreshold
        capacity.bandwidth = alerts.bandwidthThreshold
        isPolicyOn = configuration.policy.enabled
        policy = Policy(configuration.policy)
    }
}

extension ControlSettings {
    init(_ configuration: GatewayConfiguration.Control) {
        self.init()
        isOn = configuration.enabled
        connections = configuration.connections
        floors = [.webSocket: configuration.webSocketFloor, .eventStream: configuration.eventStreamFloor]
        serverFloors = [.processes: configuration.processesFloor, .pool: configuration.poolFloor]
        lent = configuration.lent
        reclaimTime = Instant.Span(configuration.reclaimTime)
        egress = configuration.egress
        egressBurst = Instant.Span(configuration.egressBurst)
    }
}

extension Policy {
    init(_ configuration: GatewayConfiguration.Policy) {
        self.init()
        conserve = OverloadLadder.Step(configuration.conserve)
        survive = OverloadLadder.Step(configuration.survive)
        maxLag = Instant.Span(configuration.maxLag)
        conserveAt = configuration.conserveAt
        patience = Instant.Span(configuration.patience)
        dwell = Instant.Span(configuration.dwell)
        foresight = Instant.Span(configuration.foresight)
        purpose = configuration.purpose
        rules = configuration.rules.map { PolicyRule($0) }
        limits = configuration.limits.map { limit in
            PolicyLimit(
                PolicySubject(client: limit.client.flatMap { NamePattern($0) }, tier: limit.tier),
                connections: limit.maxConnections, rate: limit.maxRate)
        }
    }
}

extension PolicyRule {
    init(_ configuration: GatewayConfiguration.PolicyRule) {
        let effects: [(OperatingMode, GatewayConfiguration.PolicyRule.Effect?)] = [
            (.normal, configuration.normal), (.conserve, configuration.conserve), (.survive, configuration.survive),
        ]
        self.init(
            client: configuration.client.flatMap { NamePattern($0) }, tier: configuration.tier,
            type: configuration.type.flatMap { NamePattern($0) }, effects: [:])
        priority = configuration.priority.map { priority in
            switch priority {
            case .low: .low
            case .normal: .normal
            case .high: .high
            }
        }
        for case (let mode, let effect?) in effects {
            self.effects[mode] = effect == .keep ? .keep : .refuse
        }
    }
}

extension OverloadLadder.Step {
    init(_ refusal: GatewayConfiguration.Policy.Refusal) {
        switch refusal {
        case .none: self = .none
        case .connections: self = .connections
        case .lowPriority: self = .lowPriority
        case .normalPriority: self = .normalPriority
        }
    }
}
