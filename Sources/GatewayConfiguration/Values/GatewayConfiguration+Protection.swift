extension GatewayConfiguration.RateLimiting {
    /// What is charged beside a client's messages; 0 is no limit.
    public struct MoreLimits: Sendable, Equatable {
        /// Messages per second, and at once, of clients whose token says `trial`, or a tier that nobody knows.
        public var trial = 10
        /// The same for `premium`.
        public var premium = 1000
        /// Bytes of messages of one client per second.
        public var bytes = 0
        /// Joins and subscriptions of one client per second.
        public var joins = 50
        /// How many of them may come at once.
        public var joinBurst = 1000
        /// Whatever one connection sends on its channels, per second.
        public var events = 10_000
        /// Messages and requests of one address per second.
        public var addressMessages = 10_000
        /// Bytes of messages of one address per second.
        public var addressBytes = 0
        /// Joins and subscriptions of one address per second.
        public var addressJoins = 1000
        /// Tokens of one address per minute that turn out to be none.
        public var failedLogins = 12
        /// Messages of all clients of the node per second.
        public var node = 0
        /// Addresses that are told apart.
        public var maxAddresses = 100_000

        /// The defaults.
        public init() {}
    }
}

extension GatewayConfiguration.Security {
    /// Who is held off for what was seen of them, and the lists of those who are not.
    public struct Access: Sendable, Equatable {
        /// Points from which an address is refused; 0 refuses nobody.
        public var suspiciousThreshold = 10.0
        /// Points that a minute takes away.
        public var decayPerMinute = 1.0
        /// Points of a token that was none.
        public var failedLogin = 2.0
        /// Points of bytes that no client sends.
        public var protocolError = 1.0
        /// Points of each connection beyond `reconnectRate`.
        public var rapidReconnect = 0.5
        /// Points of something refused for its rate.
        public var rateHit = 0.1
        /// Connections of one address per second that pass unnoticed.
        public var reconnectRate = 10.0
        /// How many of them may come at once.
        public var reconnectBurst = 50
        /// Entries of both lists together.
        public var maxListEntries = 10_000
        /// Whether only those may connect whom the allowlist names.
        public var allowlistOnly = false
        /// The file that keeps the lists; `nil` lets them end with the process.
        public var listFile: String?
        /// The file that keeps what administrators did.
        public var auditLog: String?
        /// Bytes after which that file is put aside and a new one begun.
        public var auditLogSize = 1 << 20
        /// Actions that can be asked for.
        public var auditEntries = 1000

        /// The defaults.
        public init() {}
    }
}

extension GatewayConfiguration {
    /// What a client's data may be beyond being JSON.
    public struct Validation: Sendable, Equatable {
        /// What becomes of data that has a threat pattern.
        public enum Threats: String, Sendable, CaseIterable {
            /// It is not looked for.
            case off
            /// It is counted and delivered.
            case monitor
            /// It is refused.
            case block
        }

        /// What becomes of an object that has a name twice.
        public enum DuplicateKeys: String, Sendable, CaseIterable {
            /// It is passed on.
            case allow
            /// It is refused.
            case refuse
        }

        /// Members of all objects of one message together; 0 is any number.
        public var maxKeys = 10_000
        /// Bytes of a member's name; 0 is any number.
        public var maxKeyLength = 65_536
        /// Bytes of a string; 0 is any number.
        public var maxStringLength = 0
        /// What becomes of an object that has a name twice.
        public var duplicateKeys: DuplicateKeys = .allow
        /// What becomes of data that has a threat pattern.
        public var threats: Threats = .monitor
        /// The file that has a schema for each type of message.
        public var schemas: String?

        /// The defaults.
        public init() {}
    }
}
