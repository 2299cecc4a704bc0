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
    /// Whether the client has acknowledged on this connection or said that it will.
    var acknowledges: Bool
    /// Where it started.
    let start: Int
    /// The next sequence to hand out.
    var position: Int
    /// Everything before this has reached the kernel, as far as the connection has reported.
    var flushed: Int
    /// What is before this never comes on this connection again: it came here, or its client said that it has it.
    var floor: Int
    /// Bytes that wait in the log for this connection.
    var pendingBytes = 0
    /// A message for it could not be stored: what it gets is not whole any more.
    var isOverrun = false
    /// A switch that the connection has not been told of.
    var notice: TransportSwitch?

    init(
        connection: ConnectionID, transport: Transport, role: Role, carriesAll: Bool, acknowledges: Bool, position: Int,
        floor: Int
    ) {
        self.connection = connection
        self.transport = transport
        self.role = role
        self.carriesAll = carriesAll
        self.acknowledges = acknowledges
        self.position = position
        self.floor = floor
        flushed = position
        start = position
    }

    var delivers: Bool { role != .standby }
}

/// A change of the active transport, as the event `transport_switched` tells it.
public struct TransportSwitch: Hashable, Sendable {
    public enum Reason: String, Sendable {
        /// A better transport has come.
        case preferred
        /// A message asked for the other transport.
        case requested
        /// The client asked to go on from a place of its own on another transport.
        case resumed
        /// The last connection of the active transport has gone.
        case disconnected
    }

    public let from: Transport
    public let to: Transport
    public let reason: Reason
}
