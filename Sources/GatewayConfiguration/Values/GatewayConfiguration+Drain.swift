extension GatewayConfiguration {
    /// How a node takes leave of its clients.
    public struct Drain: Sendable, Equatable {
        /// How long it says that it is not ready before anything else changes.
        public var delay: Duration = .zero
        /// How long everything behind that may take.
        public var timeout: Duration = .seconds(8)
        /// Clients that are to come back each second.
        public var rate = 500.0
        /// What each of them waits at least.
        public var reconnectDelay: Duration = .seconds(1)

        /// The defaults.
        public init() {}
    }
}
