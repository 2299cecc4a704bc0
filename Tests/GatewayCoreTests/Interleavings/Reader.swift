import GatewayCore

/// A connection as its client sees it.
struct Reader {
    let id: ConnectionID
    let transport: Transport
    let isIndependent: Bool
    let carriesAll: Bool
    let policy: SlowConsumerPolicy
    var acknowledges: Bool
    /// It waits for acknowledgements, or for this time.
    var heldUntil: Instant?
    /// Sequences that it was told of as missing.
    var holes: Set<Int> = []
    /// Whether some of them were dropped rather than too old.
    var hasDropped = false
    /// Handed out, not yet taken by the kernel.
    var underWay: [Int] = []
    /// Everything before this, among what was handed out, is in the kernel.
    var flushedBefore = 0
    /// The same, as far as the session has been told.
    var reportedBefore = 0
    /// What must come next; `nil` while it stands by.
    var next: Int?
    /// It begins with a hole: durable messages made way for slow readers before.
    var beginsWithHole = false
    /// Where it began to deliver, at last.
    var began: Int?
    /// The place that the client named, if it was accepted.
    var wanted: Int?
    /// Nothing before this may come: it came already, or the client said that it has it.
    var floor = 0
    /// A message for it could not be stored: it must be told that it fell behind.
    var isOverrun = false
    /// The session has taken its place away, because it held up a switch for too long.
    var isExpelled = false
    /// It has been woken, has just come, or was told that there is more.
    var mustTake = true

    var isInTurn: Bool { !isIndependent && carriesAll }
    /// How far the session knows that it got, if it ever delivered.
    var progress: Int? { began.map { max($0, reportedBefore) } }

    var name: String { "\(transport == .webSocket ? "W" : "S")\(id.slot)" }
}
