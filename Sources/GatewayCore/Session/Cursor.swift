/// One connection's place in its session's log.
struct Cursor: Sendable {
    /// Whether and why messages are handed to the connection.
    enum Role: UInt8, Sendable {
        /// It gets every message. Can become: `standby` when another transport takes over.
        case active
        /// It waits, in case the active transport fails. Can become: `active`.
        case standby
        /// It gets every message whatever is active (`delivery=all`).
        case independent
    }

    let connection: ConnectionID
    let transport: Transport
    var role: Role
    /// A wake is on its way, so that no further one is needed.
    var wakeRequested = false
    /// Whether it can carry every message of the client, so that what it delivers is delivered.
    let carriesAll: Bool
    /// What becomes of messages that it does not read fast enough.
    let policy: SlowConsumerPolicy
    /// Whether its client takes bundles.
    let takesBundles: Bool
    /// What holds the connection back or thins out what it gets.
    private struct Burden: SeldomValue {
        var ladder: BackpressureLadder?
        var backlog: Backlog?
        var gap: (from: Int, reason: GapReason)?
    }

    private var burden = Seldom<Burden>()
    /// Where it started, or took over from another connection: what it was given itself begins here.
    var start: Int
    /// The next sequence to hand out.
    var position: Int
    /// Everything before this has reached the kernel, as far as the connection has reported.
    var flushed: Int
    /// What is before this never comes on this connection again: it came here, or its client said that it has it.
    var floor: Int
    /// Bytes that wait in the log for this connection and are to be handed out.
    var pendingBytes = 0
    /// A message for it could not be stored: what it gets is not whole any more.
    var isOverrun = false
    /// Whether it has been told of a hole: then what it delivers is not all that was due.
    var hasHoles = false
    /// A switch that the connection has not been told of.
    var notice: TransportSwitch?

    init(
        _ request: Session.AttachRequest, role: Role, policy: SlowConsumerPolicy, position: Int, floor: Int
    ) {
        connection = request.connection
        transport = request.transport
        carriesAll = request.carriesAll
        takesBundles = request.takesBundles
        self.role = role
        self.policy = policy
        self.position = position
        self.floor = floor
        flushed = position
        start = position
        if request.acknowledges { ladder = BackpressureLadder(takesBundles: request.takesBundles) }
    }

    /// Whether nothing holds it back or thins out what it gets, as with most connections.
    var isPlain: Bool { burden.isUnused }

    /// How fast it may move; only where the client has acknowledged on this connection or said that it will.
    var ladder: BackpressureLadder? {
        get { burden.isUnused ? nil : burden.read { $0.ladder } }
        _modify {
            // Out of its place while it is changed, so that it is not copied.
            var ladder: BackpressureLadder?
            if !burden.isUnused { burden.change { swap(&$0.ladder, &ladder) } }
            defer { if ladder != nil { burden.change { $0.ladder = ladder } } }
            yield &ladder
        }
    }

    /// What is skipped, while it is behind and its policy skips something.
    var backlog: Backlog? {
        get { burden.isUnused ? nil : burden.read { $0.backlog } }
        _modify {
            var backlog: Backlog?
            if !burden.isUnused { burden.change { swap(&$0.backlog, &backlog) } }
            defer { if backlog != nil { burden.change { $0.backlog = backlog } } }
            yield &backlog
        }
    }

    /// What has been skipped before `position` and not been told yet.
    var gap: (from: Int, reason: GapReason)? {
        get { burden.isUnused ? nil : burden.read { $0.gap } }
        set { if newValue != nil || !burden.isUnused { burden.change { $0.gap = newValue } } }
    }

    var delivers: Bool { role != .standby }
    /// Whether its client acknowledges.
    var acknowledges: Bool { ladder != nil }
    /// The sequence behind the last that was handed out or told as missing.
    var handedOut: Int { gap?.from ?? position }
    /// Whether it goes on with a hole, rather than being closed, when something falls out of the log before its turn.
    var toleratesHoles: Bool { policy.drops || ladder?.holdsBack == true }
}

/// A change of the active transport, as the event `transport_switched` tells it.
public struct TransportSwitch: Hashable, Sendable {
    public enum Reason: String, Sendable {
        /// A better transport has come.
        case preferred
        /// A message asked for the other transport.
        case requested
        /// A message is larger than a frame of the other transport may be.
        case size
        /// The client asked to go on from a place of its own on another transport.
        case resumed
        /// The last connection of the active transport has gone.
        case disconnected
        /// The connection of the active transport does not answer any more.
        case unresponsive
    }

    public let from: Transport
    public let to: Transport
    public let reason: Reason
}
