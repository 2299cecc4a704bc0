public import GatewayCore

/// A place in a stored log. A client's sessions, over all processes, are lives with rising numbers; ordered by life, then
/// by sequence, its messages are in the order in which it gets them.
public struct StorePlace: Hashable, Comparable, Sendable {
    public let life: Int64
    public let sequence: Int

    public init(life: Int64, sequence: Int) {
        self.life = life
        self.sequence = sequence
    }

    public static func < (a: Self, b: Self) -> Bool {
        a.life != b.life ? a.life < b.life : a.sequence < b.sequence
    }
}

/// What one commit does.
public struct StoreBatch: Sendable {
    public var writes: [StoreWrite]
    public var releases: [StoreRelease]

    public init(writes: [StoreWrite] = [], releases: [StoreRelease] = []) {
        self.writes = writes
        self.releases = releases
    }

    public var isEmpty: Bool { writes.isEmpty && releases.isEmpty }
}

/// A message that is to be kept, once, with every place where it stands.
public struct StoreWrite: Sendable {
    public struct Delivery: Sendable {
        public let client: ClientID
        public let place: StorePlace

        public init(client: ClientID, place: StorePlace) {
            self.client = client
            self.place = place
        }
    }

    public let message: Message
    public let acceptedAt: Timestamp
    /// After this point nobody wants it.
    public let expiresAt: Timestamp
    public let deliveries: [Delivery]
    /// What the sender is told, if it gave the message an id.
    public let answer: RememberedAnswer?

    public init(
        message: Message, acceptedAt: Timestamp, expiresAt: Timestamp, deliveries: [Delivery],
        answer: RememberedAnswer? = nil
    ) {
        self.message = message
        self.acceptedAt = acceptedAt
        self.expiresAt = expiresAt
        self.deliveries = deliveries
        self.answer = answer
    }
}

/// The answer to a message whose sender gave it an id, so that a repetition after a crash is answered alike.
public struct RememberedAnswer: Equatable, Sendable {
    /// The client, or nothing for back ends.
    public let sender: String
    public let messageID: String
    public let at: Timestamp
    /// How long it is to be remembered.
    public let until: Timestamp
    /// The answer's JSON text.
    public let body: [UInt8]

    public init(sender: String, messageID: String, at: Timestamp, until: Timestamp, body: [UInt8]) {
        self.sender = sender
        self.messageID = messageID
        self.at = at
        self.until = until
        self.body = body
    }
}

/// Messages of one life that are done: everything before a sequence.
public struct StoreRelease: Equatable, Sendable {
    public let life: Int64
    public var before: Int
    /// Whether nothing more will come in this life.
    public var ends: Bool

    public init(life: Int64, before: Int, ends: Bool = false) {
        self.life = life
        self.before = before
        self.ends = ends
    }
}

extension StoreRelease {
    /// What is to be deleted when a session is done with a range of its log.
    /// - Parameters:
    ///   - life: the session's own life.
    ///   - inherited: where the messages are stored with which the log began.
    ///   - ends: whether the session is over.
    public static func of(_ range: Range<Int>, life: Int64, inherited: [StorePlace], ends: Bool) -> [StoreRelease] {
        var releases: [StoreRelease] = []
        var index = range.lowerBound
        while index < min(range.upperBound, inherited.count) {
            let life = inherited[index].life
            var last = index
            while last + 1 < min(range.upperBound, inherited.count), inherited[last + 1].life == life { last += 1 }
            let isOver = last + 1 == inherited.count || inherited[last + 1].life != life
            releases.append(StoreRelease(life: life, before: inherited[last].sequence + 1, ends: isOver))
            index = last + 1
        }
        if range.upperBound > inherited.count || ends {
            releases.append(StoreRelease(life: life, before: range.upperBound, ends: ends))
        }
        return releases
    }
}

/// What waits for one client.
public struct StoredSession: Sendable {
    /// Oldest first.
    public var messages: [StoredMessage]
    /// Every life of the client that the store knows, also those in which nothing waits any more.
    public var lives: [Int64]

    public init(messages: [StoredMessage] = [], lives: [Int64] = []) {
        self.messages = messages
        self.lives = lives
    }
}
