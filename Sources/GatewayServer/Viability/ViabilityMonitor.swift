import GatewayCore
public import GatewayViability
import Synchronization
import WireJSON

/// Holds the viable system of the node, and what clients that follow it have to be told.
public final class ViabilityMonitor: Sendable {
    private let system: Mutex<ViableSystem>
    /// What the systems of the node tell each other.
    public let bus: EventBus
    /// The version of the newest update; clients that have seen it need no lock to know that there is nothing to tell.
    private let version = Atomic<UInt64>(0)
    private let updates = Mutex<[(version: UInt64, data: [UInt8])]>([])
    /// How restless the node was last.
    private let restlessness = Mutex(Restlessness())

    /// Updates that are kept for clients that are slow to take them.
    private static let keptUpdates = 32

    init(_ settings: ViabilitySettings, bus: EventBus) {
        system = Mutex(ViableSystem(settings))
        self.bus = bus
    }

    /// Runs `body` on the system.
    func withSystem<Result>(_ body: (inout ViableSystem) -> Result) -> Result { system.withLock { body(&$0) } }

    /// What S5 has chosen.
    public var mode: OperatingMode { withSystem { $0.mode } }

    /// Another policy holds from now on.
    /// - Returns: its version; `nil` if it is the one that holds already.
    public func reload(_ policy: Policy) -> Int? { withSystem { $0.reload(policy) ? $0.policyVersion : nil } }

    /// The newest update that there is.
    var newest: UInt64 { version.load(ordering: .acquiring) }

    /// What a client that has seen the updates before `version` has not seen.
    func updates(since version: UInt64) -> [(version: UInt64, data: [UInt8])] {
        updates.withLock { $0.filter { $0.version > version } }
    }

    /// Tells whom it concerns.
    /// - Returns: whether clients that follow the node have to be told.
    func tell(_ events: [ViableEvent]) -> Bool {
        for event in events {
            switch event {
            case .signal: bus.publish(event, to: .algedonic)
            case .mode, .limit: bus.publish(event, to: .policy)
            case .capacity, .audit, .loan: bus.publish(event, to: .control)
            case .forecast, .surge, .anomaly, .proposal: bus.publish(event, to: .intelligence)
            }
        }
        let changes = events.filter(\.isStateChange)
        guard !changes.isEmpty else { return false }
        updates.withLock { updates in
            for change in changes { updates.append((version.add(1, ordering: .releasing).newValue, change.json)) }
            updates.removeFirst(max(0, updates.count - Self.keptUpdates))
        }
        return true
    }

    /// Writes what everybody may know (`vsm` of `GET /mcp/stats`).
    func writeSummary(to writer: inout JSONWriter) {
        let (mode, floor, figures, variety) = withSystem { ($0.mode, $0.floor, $0.algedonicFigures, $0.varietyBits) }
        writer.member("mode", mode.name)
        writer.member("floor", floor.name)
        writer.member("pains", figures.pains)
        writer.member("pleasures", figures.pleasures)
        writer.member("variety") { writer in
            writer.member("distinction", VarietyCounts.distinction)
            for (name, bits) in [("incoming_bits", variety.incoming), ("outgoing_bits", variety.outgoing)] {
                writer.key(name)
                if let bits { writer.value(bits) } else { writer.null() }
            }
        }
    }

    /// Tells programs that follow the units and S2, if there are any.
    func tellReports() {
        let (reports, restless) = withSystem { ($0.lastReports, $0.restlessness) }
        if bus.isFollowed(.operations) { bus.publish(reports, to: .operations) }
        let isChanged = restlessness.withLock { last in
            defer { last = restless }
            return last != restless
        }
        if isChanged { bus.publish(restless, to: .coordination) }
    }
}
