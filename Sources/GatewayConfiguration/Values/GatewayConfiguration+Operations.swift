extension GatewayConfiguration {
    /// The live page.
    public struct Dashboard: Sendable, Equatable {
        /// How often its figures are brought up to date while somebody looks.
        public var interval: Duration = .seconds(1)
        /// Bytes that wait on one live stream before it is shown less.
        public var maxUnsentBytes = 1 << 20

        /// The defaults.
        public init() {}
    }

    /// Tracing single clients.
    public struct Trace: Sendable, Equatable {
        /// How long a client is traced unless somebody says otherwise.
        public var duration: Duration = .seconds(300)
        /// Clients that are traced at a time.
        public var maxClients = 100
        /// Events that are kept of each.
        public var maxEvents = 1000

        /// The defaults.
        public init() {}
    }
}
