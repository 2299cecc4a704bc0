import DeliveryHistory
import GatewayCore
import TestSupport

/// A client of the gateway: what it remembers, and its connections.
struct Device {
    let name: String
    /// Whether it acknowledges what it gets. Only such a client may lose what the kernel had taken for it already: nobody
    /// else could tell.
    let acknowledges: Bool
    /// Whether it sometimes forgets where it was.
    let isForgetful: Bool
    /// It does not read at present.
    var isStalled = false
    /// The log that it knows.
    private(set) var epoch: Epoch?
    /// It has everything before this, or was told that it does not come; `nil` if it cannot say that of anything.
    private(set) var hasBefore: Int?
    /// What has come, or was told not to come, behind that.
    private var had: [Int: Bool] = [:]
    /// The last message before `hasBefore`: what it acknowledges.
    private(set) var lastMessage: Int?
    /// The last of which it has told the gateway that it has it.
    private(set) var claimed: Int?

    init(name: String, acknowledges: Bool, isForgetful: Bool) {
        self.name = name
        self.acknowledges = acknowledges
        self.isForgetful = isForgetful
    }

    /// The event id from which it can resume.
    var lastID: EventID? {
        guard let epoch, let hasBefore, hasBefore > 0 else { return nil }
        return EventID(epoch: epoch, sequence: hasBefore - 1)
    }

    /// A connection begins.
    /// - Parameter start: where, if it is not where the device was.
    mutating func began(_ epoch: Epoch, start: Int?, hasOthers: Bool) {
        if self.epoch != epoch {
            forget()
            claimed = nil
            self.epoch = epoch
        }
        guard let start, !hasOthers else { return }
        // What lies before does not come any more, and nobody else has it under way.
        hasBefore = max(start, hasBefore ?? 0)
        advance()
    }

    /// Messages or holes have come.
    mutating func received(_ range: ClosedRange<Int>, isMessage: Bool) {
        for sequence in range where sequence >= hasBefore ?? 0 { had[sequence] = isMessage }
        advance()
    }

    private mutating func advance() {
        guard var place = hasBefore else { return }
        while let isMessage = had.removeValue(forKey: place) {
            if isMessage { lastMessage = place }
            place += 1
        }
        hasBefore = place
    }

    mutating func forget() {
        hasBefore = nil
        had = [:]
        lastMessage = nil
    }

    mutating func claims(_ sequence: Int) { claimed = max(claimed ?? -1, sequence) }
}

/// A connection: what the gateway has written, what of it the kernel has, and what the device has read.
struct Wire {
    let id: ConnectionID
    let name: String
    let device: Int
    let epoch: Epoch
    let isIndependent: Bool
    /// Written, and not read by the device.
    var pipe: [Session.Delivery] = []
    /// How many of those the kernel has.
    var inKernel = 0
    /// Everything before this is in the kernel, among what was written.
    var flushedBefore: Int
    /// It has been woken, has just come, or was told that there is more.
    var mustTake = true
    /// It waits for acknowledgements, or for this time.
    var heldUntil: Instant?

    /// What waits on the way to the kernel before the gateway stops writing.
    static let room = 6
}

/// Who sends messages.
struct Publisher {
    let name: String
    /// Whether it numbers its messages and has several under way, as a client may.
    let numbers: Bool
    /// A message that has been sent and not answered.
    struct Sent {
        let to: Int
        let id: String
        /// As the history has it: whether it has to arrive.
        let mustArrive: Bool
        let isDurable: Bool
        let timeToLive: Instant.Span?
        let priority: Priority
        let key: String?
        /// Its number, if it has one.
        var number = 0
        /// Whether it is on its way through the network.
        var isUnderWay = false
        var hasArrived = false
        /// What its sender was told. The history has messages in the order in which they were sent.
        var answer: HistoryEvent.Answer?
    }

    var sent: [Sent] = []
    /// Messages of before a crash that are to be sent again, in order.
    var again: [Sent] = []
    var nextNumber = 0
    var count = 0

    /// Messages without an answer.
    var open: Int { sent.count { $0.answer == nil } }
}
