import GatewayViability
import WireJSON

/// The bus for those who read text: whole events of chosen topics, as JSON.
public struct BusFeed: Sendable {
    /// A topic that can be chosen.
    public enum Topic: String, CaseIterable, Sendable {
        case operations = "s1_operations"
        case coordination = "s2_coordination"
        case control = "s3_control"
        case intelligence = "s4_intelligence"
        case policy = "s5_policy"
        case algedonic = "algedonic_channel"
    }

    private let bus: EventBus

    public init(_ bus: EventBus) { self.bus = bus }

    /// Tells each event of `topics` from now on, on whichever thread publishes it: `tell` must not wait.
    /// - Parameter end: called when the gateway stops.
    /// - Returns: what ends it.
    public func follow(
        _ topics: Set<Topic>, _ tell: @escaping @Sendable (Topic, [UInt8]) -> Void,
        end: @escaping @Sendable () -> Void
    ) -> @Sendable () -> Void {
        let ends = topics.sorted { $0.rawValue < $1.rawValue }.map { topic -> @Sendable () -> Void in
            switch topic {
            case .operations: bus.follow(.operations, { tell(topic, Self.json($0)) }, end: end)
            case .coordination: bus.follow(.coordination, { tell(topic, Self.json($0)) }, end: end)
            case .control: bus.follow(.control, { tell(topic, $0.json) }, end: end)
            case .intelligence: bus.follow(.intelligence, { tell(topic, $0.json) }, end: end)
            case .policy: bus.follow(.policy, { tell(topic, $0.json) }, end: end)
            case .algedonic: bus.follow(.algedonic, { tell(topic, $0.json) }, end: end)
            }
        }
        return { for end in ends { end() } }
    }

    private static func json(_ reports: [UnitReport]) -> [UInt8] {
        JSONWriter.object { writer in
            writer.member("event", "unit_reports")
            writer.key("units")
            writer.array { list in for report in reports { list.object { report.write(to: &$0) } } }
        }
    }

    private static func json(_ restlessness: Restlessness) -> [UInt8] {
        JSONWriter.object { writer in
            writer.member("event", "oscillation_changed")
            writer.member("transports_per_hour", restlessness.transports)
            writer.member("shedding_per_hour", restlessness.shedding)
            writer.member("mode_per_hour", restlessness.mode)
        }
    }
}
