/// What an audit (S3*) has counted past the reports of the units.
public struct AuditFindings: Equatable, Sendable {
    /// What is compared.
    public enum Kind: String, Sendable, CaseIterable {
        /// A unit's count of connections, against the connections that its event loop has.
        case unitConnections = "unit_connections"
        /// The node's count of admitted connections, against the connections that there are.
        case admittedConnections = "admitted_connections"
        /// Cursors of sessions, against the connections that they belong to.
        case cursors
        /// Messages and bytes that a log says it holds, against those that it holds.
        case logs
    }

    /// How many things of each kind were looked at, and by how much reports and facts differed.
    public private(set) var checked: [Kind: Int] = [:]
    public private(set) var differences: [Kind: Int] = [:]
    /// Differences that were put right.
    public private(set) var repaired: [Kind: Int] = [:]

    public init() {}

    /// - Parameters:
    ///   - count: how many things were looked at.
    ///   - difference: by how much reports and facts differed.
    ///   - repaired: how much of it was put right.
    public mutating func note(_ kind: Kind, checked count: Int, difference: Int = 0, repaired mended: Int = 0) {
        checked[kind, default: 0] += count
        if difference != 0 { differences[kind, default: 0] += abs(difference) }
        if mended != 0 { repaired[kind, default: 0] += abs(mended) }
    }

    /// Adds those of another part of the node.
    public mutating func add(_ other: AuditFindings) {
        checked.merge(other.checked, uniquingKeysWith: +)
        differences.merge(other.differences, uniquingKeysWith: +)
        repaired.merge(other.repaired, uniquingKeysWith: +)
    }

    /// Whether reports and facts agreed.
    public var isClean: Bool { differences.isEmpty }
}
