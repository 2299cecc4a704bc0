public import GatewayCore

/// How S3 shares what the node has among transports.
public struct ControlSettings: Equatable, Sendable {
    /// Whether it does; otherwise who comes first takes what there is.
    public var isOn = true
    /// Streams and sockets at a time, of all transports together; 0 for as many as their own bounds and the limit of open
    /// files allow.
    public var connections = 0
    /// The share of each resource that is there for a transport in any case.
    public var floors: [Transport: Double] = [.webSocket: 0.25, .eventStream: 0.25]
    /// The share of what servers have together that is split evenly into floors.
    public var serverFloors: [Loan.Resource: Double] = [.processes: 0.5, .pool: 0.5]
    /// The share of a floor that is lent to others while its transport does not need it.
    public var lent = 0.5
    /// Bytes a second that may be sent to clients, by all transports together; 0 for as many as there are.
    public var egress = 0
    /// How long what was not sent may be caught up.
    public var egressBurst = Instant.Span.milliseconds(250)
    /// How long a loan that is called back may take to come back.
    public var reclaimTime = Instant.Span.seconds(10)

    /// How long the peer of a connection that gives way has to close its side.
    public var farewell: Instant.Span { Instant.Span(nanoseconds: reclaimTime.nanoseconds / 4) }

    /// The defaults.
    public init() {}

    /// What is there for a transport in any case.
    func floor(of transport: Transport, capacity: Int) -> Int {
        Int(Double(capacity) * (floors[transport] ?? 0))
    }
}
