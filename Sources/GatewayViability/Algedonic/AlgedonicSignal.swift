public import GatewayCore

/// What can hurt.
public enum Pain: String, Sendable, CaseIterable {
    /// Event loops are late: work waits for its turn.
    case eventLoopLag = "event_loop_lag"
    /// The memory of the process nears its budget.
    case memory = "memory_shortage"
    /// A service nears the connections that it may have.
    case connections = "connection_shortage"
    /// A unit's connections fail.
    case errors = "error_rate"
    /// What must survive cannot be stored.
    case storage = "storage_failure"
    /// An audit has found that reports and facts differ.
    case audit = "audit_discrepancy"

    /// What an operator might do.
    public var suggestedAction: String {
        switch self {
        case .eventLoopLag: "add_event_loops_or_nodes"
        case .memory: "raise_memory_budget_or_add_nodes"
        case .connections: "raise_max_connections_or_add_nodes"
        case .errors: "look_at_connection_errors"
        case .storage: "look_at_storage"
        case .audit: "report_a_bug"
        }
    }
}

/// Where something hurts.
public struct PainSource: Hashable, Sendable {
    /// What kind of pain it is.
    public let pain: Pain
    /// Which part of the node: a unit's name, a service, `node`.
    public let place: String

    public init(_ pain: Pain, at place: String = "node") {
        self.pain = pain
        self.place = place
    }
}

/// A signal of pain or of relief, in the requirements' form.
public struct AlgedonicSignal: Equatable, Sendable {
    /// `signal_type`
    public enum Kind: String, Sendable { case pain, pleasure }

    /// How bad it is; also how high it has come.
    public enum Severity: String, Sendable { case moderate, high, critical }

    /// Whom it is for.
    public enum Level: Int, Sendable, Comparable, CaseIterable {
        /// The unit itself, which has until the deadline to settle it alone. Nothing is sent to it.
        case operations = 1
        /// S3
        case control = 3
        /// S5
        case policy = 5
        /// A human being.
        case `operator` = 6

        public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

        /// The name in signals.
        public var name: String {
            switch self {
            case .operations: "s1"
            case .control: "s3"
            case .policy: "s5"
            case .operator: "operator"
            }
        }

        var severity: Severity {
            switch self {
            case .operations, .control: .moderate
            case .policy: .high
            case .operator: .critical
            }
        }

        var next: Level {
            switch self {
            case .operations: .control
            case .control: .policy
            case .policy, .operator: .operator
            }
        }
    }

    public let kind: Kind
    public let source: PainSource
    public let level: Level
    /// How bad it is: of relief, how bad it was.
    public var severity: Severity { level.severity }
    /// The figure as a share of what may not be reached: 1 is at the bound.
    public let intensity: Double
    /// How long it had hurt when the signal was sent.
    public let duration: Instant.Span
    /// How long the level before had to settle it.
    public let deadline: Instant.Span

    /// `recovery_time_ms`: from the first moment of pain to the end of it.
    public var recoveryTime: Instant.Span? { kind == .pleasure ? duration : nil }

    /// One sentence.
    public var message: String {
        let what =
            switch source.pain {
            case .eventLoopLag: "event loops are late"
            case .memory: "memory nears its budget"
            case .connections: "connections near their limit"
            case .errors: "connections fail"
            case .storage: "messages cannot be stored"
            case .audit: "an audit has found a discrepancy"
            }
        return kind == .pain ? "\(what) (\(source.place))" : "recovered: \(what) no more (\(source.place))"
    }
}
