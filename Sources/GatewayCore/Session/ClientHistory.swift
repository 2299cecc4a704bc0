/// What happened to a client lately: the newest events, in 200 bytes at the most. A client to whom nothing has happened
/// but that it connected has none; what that is, its session knows anyway.
public struct ClientHistory: Sendable {
    /// One event, in 16 bytes.
    public struct Event: Equatable, Sendable {
        /// What happened.
        public enum Kind: UInt8, Sendable {
            /// A connection has come and goes on where the client was.
            case resumed
            /// A connection has come and does not.
            case connected
            /// A connection has gone by itself, or the client has closed it.
            case disconnected
            /// The gateway has closed a connection; `code` says why.
            case closed
            /// Another transport delivers now.
            case switched
            /// Messages did not reach the client and it was told; `value` is how many.
            case gap
            /// The client sent more than it may; `value` is how often.
            case rateLimited = 6
        }

        /// Milliseconds on the monotonic clock.
        let milliseconds: UInt64
        public let kind: Kind
        /// The connection's transport, or the one that delivers now.
        public let transport: Transport
        /// The close code, where there is one; else 0.
        public let code: UInt16
        public internal(set) var value: UInt32

        /// When it happened.
        public var at: Instant { Instant(nanoseconds: Int64(milliseconds & Self.timeMask) &* 1_000_000) }

        /// Whether it is what an operator looks for.
        public var isError: Bool {
            switch kind {
            case .resumed, .connected, .disconnected, .switched: false
            case .closed, .gap, .rateLimited: true
            }
        }

        private static let timeMask: UInt64 = (1 << 48) - 1

        public init(_ kind: Kind, _ transport: Transport, code: UInt16 = 0, value: Int = 0, at time: Instant) {
            milliseconds = UInt64(clamping: time.milliseconds) & Self.timeMask
            self.kind = kind
            self.transport = transport
            self.code = code
            self.value = UInt32(clamping: value)
        }
    }

    /// Events that are kept.
    public static let capacity = 10

    private var ring: [Event] = []
    private var oldest = 0

    public init() {}

    /// Whether nothing has been noted.
    public var isEmpty: Bool { ring.isEmpty }

    /// All that is known, oldest first.
    public var events: [Event] { Array(ring[oldest...] + ring[..<oldest]) }

    /// Adds an event. One that only repeats the newest, as a limit that is passed again and again, is counted there.
    public mutating func note(_ event: Event) {
        if let last = ring.indices.last.map({ oldest == 0 ? $0 : oldest - 1 }), ring[last].kind == event.kind {
            switch event.kind {
            case .rateLimited, .gap:
                ring[last].value = UInt32(clamping: Int(ring[last].value) + Int(event.value))
                return
            // Each of several connections tells of the same switch.
            case .switched where ring[last].transport == event.transport: return
            default: break
            }
        }
        if ring.count < Self.capacity {
            if ring.isEmpty { ring.reserveCapacity(Self.capacity) }
            ring.append(event)
        } else {
            ring[oldest] = event
            oldest = (oldest + 1) % Self.capacity
        }
    }

    /// How many connections have come since `time`, as far as is known.
    public func connections(since time: Instant) -> Int {
        ring.reduce(0) { $0 + (($1.kind == .connected || $1.kind == .resumed) && $1.at >= time ? 1 : 0) }
    }
}

extension Instant {
    /// Whole milliseconds, rounded down.
    @inlinable
    public var milliseconds: Int64 { nanoseconds / 1_000_000 }
}
