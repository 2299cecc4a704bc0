/// What one node of this machine's kind costs, as it was measured.
public struct MachineFigures: Equatable, Sendable {
    /// What a connection of one transport costs.
    public struct Transport: Equatable, Sendable {
        /// Bytes of memory while nothing is sent.
        public var memory: Double
        /// Microseconds of a processor from accepting to joined or streaming.
        public var opening: Double
        /// Microseconds of a processor for a published message that reaches one connection.
        public var delivery: Double
        /// Bytes that a message has beside its text on the wire.
        public var overhead: Double

        public init(memory: Double, opening: Double, delivery: Double, overhead: Double) {
            self.memory = memory
            self.opening = opening
            self.delivery = delivery
            self.overhead = overhead
        }
    }

    /// Bytes of a gateway without connections.
    public var base: Double
    public var webSocket: Transport
    public var stream: Transport
    /// Microseconds of a processor for a message that a client sends, and its reply.
    public var message: Double
    /// Bytes of text that the messages had.
    public var payload: Int
    public var cores: Int
    /// Bytes of memory that the machine has.
    public var memory: Double

    public init(
        base: Double, webSocket: Transport, stream: Transport, message: Double, payload: Int, cores: Int, memory: Double
    ) {
        self.base = base
        self.webSocket = webSocket
        self.stream = stream
        self.message = message
        self.payload = payload
        self.cores = cores
        self.memory = memory
    }
}
