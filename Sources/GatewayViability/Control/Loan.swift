public import GatewayCore

/// What a transport has beyond its grant is called back, or has come back as far as others need it.
public struct Loan: Equatable, Sendable {
    /// What is lent.
    public enum Resource: String, Sendable, CaseIterable {
        case connections
        case memory
        case egress
    }

    public let resource: Resource
    /// Who has borrowed.
    public let transport: Transport
    /// Whether it is called back now; otherwise that is over.
    public let isCalled: Bool
    /// Connections, bytes, or bytes a second that it has beyond its grant.
    public let amount: Int
    /// How long it may take to come back, or how long it has taken.
    public let time: Instant.Span
}
