extension GatewayConfiguration {
    /// How clients change between their transports, and how they are spread over replicas of MCP servers.
    public struct Routing: Sendable, Equatable {
        /// How long after the first loss of its better transport a client goes back to it at the earliest.
        public var minimumDwell: Duration = .seconds(1)
        /// The longest such wait, however often it was lost.
        public var maximumDwell: Duration = .seconds(30)
        /// After this time without a loss the losses so far count half.
        public var flapHalfLife: Duration = .seconds(30)
        /// Clients of the node that go back in one second.
        public var maxReturnsPerSecond = 1000
        /// How long a pong may be missing at least before another transport takes over.
        public var probeTimeout: Duration = .milliseconds(400)
        /// Points on the ring of a replica of weight 1.
        public var virtualNodes = 150
        /// Failures in a row after which a replica is not used.
        public var failoverThreshold = 3
        /// How often replicas are asked whether they live.
        public var healthCheckInterval: Duration = .seconds(10)

        /// The defaults.
        public init() {}
    }
}
