/// A revision of the protocol. They are a set of names, not numbers: only those that are listed exist.
public enum ProtocolVersion: String, Sendable, CaseIterable {
    case november2024 = "2024-11-05"
    case march2025 = "2025-03-26"
    case june2025 = "2025-06-18"
    case november2025 = "2025-11-25"
    /// Without a handshake and without sessions: every request says for itself what it needs.
    case july2026 = "2026-07-28"

    /// The newest revision that begins with `initialize`.
    public static let latestWithHandshake = ProtocolVersion.november2025

    /// Whether sessions begin with `initialize`.
    public var hasHandshake: Bool { self != .july2026 }

    /// Whether several messages may come in one array: one revision had it, the next took it away.
    public var hasBatches: Bool { self == .march2025 }

    /// Whether an event stream may begin with an event without data, which older clients cannot read.
    public var hasPrimingEvents: Bool { self == .november2025 }

    /// What a server answers that is asked for `version` by `initialize`.
    public static func negotiated(_ version: String) -> ProtocolVersion {
        guard let known = ProtocolVersion(rawValue: version), known.hasHandshake else { return latestWithHandshake }
        return known
    }
}
