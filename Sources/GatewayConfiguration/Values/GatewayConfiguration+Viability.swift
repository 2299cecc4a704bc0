extension GatewayConfiguration {
    /// How the node watches itself.
    public struct Viability: Sendable, Equatable {
        /// Whether it does.
        public var enabled = true
        /// How often the event loops are asked.
        public var interval: Duration = .seconds(1)
        /// How long messages are counted for one estimate of variety.
        public var varietyWindow: Duration = .seconds(60)
        public var algedonic = Algedonic()
        public var intelligence = Intelligence()
        public var audit = Audit()
        public var coordination = Coordination()
        public var control = Control()

        /// The defaults.
        public init() {}
    }

    /// Signals of what hurts.
    public struct Algedonic: Sendable, Equatable {
        /// Whether anybody is told.
        public var enabled = true
        /// How long each level has before the next one hears of it.
        public var deadline: Duration = .seconds(5)
        /// How long it must not hurt before that is the end of it.
        public var calm: Duration = .seconds(5)
        /// The share of a bound from which on something hurts.
        public var onset = 0.9
        /// The share below which it does not any more.
        public var release = 0.8
        /// Errors of one unit per second that are its bound.
        public var maxErrorRate = 10.0

        /// The defaults.
        public init() {}
    }

    /// What is to come.
    public struct Intelligence: Sendable, Equatable {
        /// Whether the node looks ahead.
        public var enabled = true
        /// Time between two figures that forecasts are made from.
        public var step: Duration = .seconds(10)
        /// Steps that forecasts look ahead.
        public var horizon = 6
        /// Bytes per second that the network carries; 0 where nobody has said.
        public var bandwidth = 0

        /// The defaults.
        public init() {}
    }

    /// Comparing reports with facts.
    public struct Audit: Sendable, Equatable {
        /// Whether the node does.
        public var enabled = true
        /// How often.
        public var interval: Duration = .seconds(10)

        /// The defaults.
        public init() {}
    }

    /// Keeping clients, timers and transports from moving in step.
    public struct Coordination: Sendable, Equatable {
        /// Whether the node does.
        public var enabled = true
        /// Clients a second that are told to come back, if the node has not let in more of late.
        public var minimumRate = 50.0
        /// The longest wait that a refused client is told.
        public var maximumWait: Duration = .seconds(60)

        /// The defaults.
        public init() {}
    }

    /// Sharing what the node has among transports.
    public struct Control: Sendable, Equatable {
        /// Whether the node does.
        public var enabled = true
        /// Streams and sockets of all transports together; 0 for as many as their own bounds and the open files allow.
        public var connections = 0
        /// Shares of each resource that are there for a transport in any case.
        public var webSocketFloor = 0.25
        public var eventStreamFloor = 0.25
        /// The share of `mcp.max_processes` that is split evenly into floors of the servers that are programs.
        public var processesFloor = 0.5
        /// The share of `pool.max_connections` that is split evenly into floors of the servers that have addresses.
        public var poolFloor = 0.5
        /// The share of a floor that is lent while its transport does not need it.
        public var lent = 0.5
        /// How long a loan that is called back may take to come back.
        public var reclaimTime: Duration = .seconds(10)
        /// Bytes a second that may be sent to clients; 0 for as many as there are.
        public var egress = 0
        /// How long what was not sent may be caught up.
        public var egressBurst: Duration = .milliseconds(250)

        /// The defaults.
        public init() {}
    }

    /// Percent of each resource from which on it is called short.
    public struct CapacityAlerts: Sendable, Equatable {
        /// Of all processors.
        public var cpuThreshold = 80
        /// Of `memory.budget`.
        public var memoryThreshold = 85
        /// Of a service's `max_connections`.
        public var connectionThreshold = 90
        /// Of `viability.intelligence.bandwidth`.
        public var bandwidthThreshold = 70

        /// The defaults.
        public init() {}
    }

    /// One entry of `policy.rules`.
    public struct PolicyRule: Sendable, Equatable {
        /// What becomes of a message.
        public enum Effect: String, Sendable, CaseIterable {
            /// It is taken although the mode would refuse it.
            case keep
            /// It is refused, whatever its priority.
            case refuse
        }

        /// Whose messages: an id, or `prefix*`.
        public var client: String?
        /// Of which tier their tokens are.
        public var tier: String?
        /// Of which type the messages are: a type, or `prefix*`.
        public var type: String?
        /// What becomes of them in each mode.
        public var normal: Effect?
        public var conserve: Effect?
        public var survive: Effect?
        /// Which priority they are taken to have where no effect is said.
        public var priority: MessagePriority?

        /// A rule that says nothing yet.
        public init() {}
    }

    /// The priority of a message.
    public enum MessagePriority: String, Sendable, CaseIterable { case low, normal, high }

    /// One entry of `policy.limits`.
    public struct PolicyLimit: Sendable, Equatable {
        /// Whose connections and messages: an id, or `prefix*`.
        public var client: String?
        /// Of which tier their tokens are.
        public var tier: String?
        /// How many connections they may have together.
        public var maxConnections: Int?
        /// How many messages a second they may send together.
        public var maxRate: Double?

        /// A limit that says nothing yet.
        public init() {}
    }

    /// By what the node lives when there is more to do than time.
    public struct Policy: Sendable, Equatable {
        /// What is refused, each with what stands before it.
        public enum Refusal: String, Sendable, CaseIterable {
            /// Nothing.
            case none
            /// New streams and sockets.
            case connections
            /// Messages with priority `low`.
            case lowPriority = "low_priority"
            /// Messages with priority `normal`.
            case normalPriority = "normal_priority"
        }

        /// Whether the mode changes what is refused.
        public var enabled = true
        /// What is refused when it gets tight, and when there is more to do than time.
        public var conserve = Refusal.lowPriority
        public var survive = Refusal.normalPriority
        /// How late event loops may be.
        public var maxLag: Duration = .seconds(1)
        /// The share of `max_lag` that is tight.
        public var conserveAt = 0.5
        /// How long it must be as bad before the mode gets stricter.
        public var patience: Duration = .seconds(2)
        /// How long it must be better before it eases.
        public var dwell: Duration = .seconds(10)
        /// How long before a bound is reached a forecast is heeded.
        public var foresight: Duration = .seconds(60)
        /// What the node is there for; it is shown and changes nothing.
        public var purpose: String?
        /// What becomes of certain messages in certain modes; the first that fits decides.
        public var rules: [PolicyRule] = []
        /// What is never to be crossed, in no mode.
        public var limits: [PolicyLimit] = []

        /// The defaults.
        public init() {}
    }
}
