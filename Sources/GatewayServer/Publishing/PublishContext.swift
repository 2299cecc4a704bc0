import GatewayCore
import GatewayStore

/// What one publisher brings along: its clock readings, its source of ids, and the wakes that it has caused. Each event
/// loop has one; others make theirs.
struct PublishContext {
    var identifiers = IdentifierSource()
    var now: Instant
    var wallClock: Timestamp
    var wakes: WakeSet
    /// Places that the present message has got and that are to be stored.
    var deliveries: [StoreWrite.Delivery] = []
    /// The sessions of `deliveries`.
    var sessions: [SessionHandle] = []
    /// The message that they belong to.
    var stored: Message?
    /// What a handler is to answer.
    var call: HandlerCall?
    /// Where in a trace the request stands that the message came with.
    var traceParent: TraceContext?
    /// The tier of the token of the client that the present message is from; whoever takes a client's message says it.
    var tier: String?
    /// What S5 lays down; `nil` where it says nothing.
    var policy: PolicyView?
    /// The trace of the present message, if it is recorded.
    var trace: MessageTrace?
}

extension PublishContext {
    /// What a handler is to answer, once.
    mutating func takeCall() -> HandlerCall? {
        guard call != nil else { return nil }
        defer { call = nil }
        return call
    }
}
