public import GatewayCore

/// A span that is over, ready to be sent.
public struct FinishedSpan: Sendable {
    public enum Kind: Int, Sendable { case `internal` = 1, server, client, producer, consumer }

    public enum Value: Sendable, Equatable {
        case text(String)
        case integer(Int)
        case number(Double)
        case flag(Bool)
    }

    public var name: String
    public var kind: Kind
    public var context: TraceContext
    public var parent: UInt64?
    public var links: [TraceContext] = []
    public var start: Instant
    public var end: Instant
    public var attributes: [(key: String, value: Value)] = []
    /// What went wrong; `nil` if nothing did.
    public var failure: String?

    public init(
        _ name: String, _ kind: Kind, _ context: TraceContext, parent: UInt64?, start: Instant, end: Instant
    ) {
        self.name = name
        self.kind = kind
        self.context = context
        self.parent = parent
        self.start = start
        self.end = end
    }
}
