extension GatewayConfiguration {
    /// What is told of single messages and calls, and to whom.
    public struct Tracing: Sendable, Equatable {
        /// A collector that speaks OTLP over HTTP; without one nothing is traced.
        public var endpoint: String?
        /// Headers of what is sent to it: `name=value`, separated by commas.
        public var headers: String?
        /// The share of traces that are recorded, of those that begin here.
        public var sampleRatio = 1.0
        /// The share of deliveries that are recorded, of messages that are.
        public var deliveryRatio = 0.1
        /// Spans that may wait to be sent.
        public var queue = 8192
        /// Spans in one post.
        public var batchSize = 512
        /// Time between two posts.
        public var interval: Duration = .seconds(1)
        /// How long one may take.
        public var timeout: Duration = .seconds(10)
        /// What the gateway is called.
        public var serviceName = "mcp-gateway"

        /// The defaults.
        public init() {}
    }
}
