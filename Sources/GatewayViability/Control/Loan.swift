public import GatewayCore

/// What a unit has beyond its grant is called back, or has come back as far as others need it.
public struct Loan: Equatable, Sendable {
    /// What is lent.
    public enum Resource: String, Sendable, CaseIterable {
        case connections
        case memory
        case egress
        /// Processes that servers run in.
        case processes
        /// Connections of pools to servers.
        case pool
    }

    public let resource: Resource
    /// Who has borrowed, by the name in reports.
    public let unit: String
    /// Whether it is called back now; otherwise that is over.
    public let isCalled: Bool
    /// Connections, processes, bytes, or bytes a second that it has beyond its grant.
    public let amount: Int
    /// How long it may take to come back, or how long it has taken.
    public let time: Instant.Span
}

extension Loan {
    /// A transport has borrowed.
    init(resource: Resource, transport: Transport, isCalled: Bool, amount: Int, time: Instant.Span) {
        self.init(resource: resource, unit: transport.name, isCalled: isCalled, amount: amount, time: time)
    }
}
