/// The address of a connection inside this process: which event loop owns it, and its place in that loop's table.
/// Publishers carry these numbers around in place of references, so that waking ten thousand connections costs no
/// reference counting.
public struct ConnectionID: Hashable, Sendable {
    public let raw: UInt64

    @inlinable
    public init(loop: Int, slot: Int, generation: UInt32) {
        raw =
            UInt64(UInt16(truncatingIfNeeded: loop)) << 48 | UInt64(generation & 0xFFFF) << 32
            | UInt64(UInt32(truncatingIfNeeded: slot))
    }

    @inlinable
    public var loop: Int { Int(raw >> 48) }
    /// Changes each time a slot is used again, so that a late wake does not reach the slot's next owner.
    @inlinable
    public var generation: UInt32 { UInt32(truncatingIfNeeded: raw >> 32) & 0xFFFF }
    @inlinable
    public var slot: Int { Int(UInt32(truncatingIfNeeded: raw)) }
}

/// The kinds of connection a client can hold, best first.
public enum Transport: UInt8, Sendable, CaseIterable, Comparable {
    case webSocket
    case eventStream

    /// The name on the wire.
    public var name: String {
        switch self {
        case .webSocket: "websocket"
        case .eventStream: "http_sse"
        }
    }

    /// A better transport is less than a worse one.
    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// Connections that publishing has found to be in need of a wake, kept apart by event loop.
public struct WakeSet: Sendable {
    public private(set) var byLoop: [[ConnectionID]]

    public init(loops: Int) { byLoop = Array(repeating: [], count: loops) }

    @inlinable
    public mutating func insert(_ id: ConnectionID) { append(id) }

    @usableFromInline
    mutating func append(_ id: ConnectionID) { byLoop[id.loop].append(id) }

    /// Empties the list of one loop but keeps its room.
    public mutating func removeAll(loop: Int) { byLoop[loop].removeAll(keepingCapacity: true) }
}
