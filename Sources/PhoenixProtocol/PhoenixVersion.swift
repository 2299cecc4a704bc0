/// The two JSON forms of Phoenix Channels.
public enum PhoenixVersion: Sendable, Equatable {
    /// Objects: `{"topic":…,"event":…,"payload":…,"ref":…}`.
    case v1
    /// Arrays: `[join_ref, ref, topic, event, payload]`.
    case v2

    /// The form that the query parameter `vsn` asks for: `1.0.x`, also when absent, or `2.0.x`; `nil` for anything else,
    /// which Phoenix answers with 403.
    public init?(parameter: String?) {
        guard let parameter else {
            self = .v1
            return
        }
        let parts = parameter.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3 || parts.count == 2,
            parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } && $0.utf8.count < 6 })
        else { return nil }
        switch parts[0] {
        case "1": self = .v1
        case "2": self = .v2
        default: return nil
        }
    }
}
