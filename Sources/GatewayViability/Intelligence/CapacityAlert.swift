/// What can be used up.
public enum Resource: String, Sendable, CaseIterable {
    case processor = "cpu"
    case memory
    case connections
    case bandwidth
}

/// Shares of each resource, in percent, from which on it is called short (the requirements' `capacity_alerts`).
public struct CapacityThresholds: Equatable, Sendable {
    public var processor = 80, memory = 85, connections = 90, bandwidth = 70

    public init() {}

    subscript(resource: Resource) -> Int {
        switch resource {
        case .processor: processor
        case .memory: memory
        case .connections: connections
        case .bandwidth: bandwidth
        }
    }
}

/// A resource has become short, or is not any more.
public struct CapacityAlert: Equatable, Sendable {
    public let resource: Resource
    public let isRaised: Bool
    /// What is used, in percent.
    public let used: Double
    public let threshold: Int
}

/// Tells when a resource becomes short: at its threshold, and not again before it has fallen five points below.
public struct CapacityWatch: Equatable, Sendable {
    static let hysteresis = 5.0

    private let thresholds: CapacityThresholds
    /// Resources that are short.
    public private(set) var short: Set<Resource> = []

    public init(_ thresholds: CapacityThresholds = CapacityThresholds()) { self.thresholds = thresholds }

    /// - Parameter used: percent of the resource.
    public mutating func observe(_ resource: Resource, used: Double) -> CapacityAlert? {
        let threshold = thresholds[resource]
        let isShort = short.contains(resource)
        guard used >= Double(threshold) - (isShort ? Self.hysteresis : 0) else {
            guard isShort else { return nil }
            short.remove(resource)
            return CapacityAlert(resource: resource, isRaised: false, used: used, threshold: threshold)
        }
        guard !isShort else { return nil }
        short.insert(resource)
        return CapacityAlert(resource: resource, isRaised: true, used: used, threshold: threshold)
    }
}
