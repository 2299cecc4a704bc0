import DequeModule

/// The ordered messages of one session: a window `oldest ..< next` of its sequence.
struct MessageLog: Sendable {
    private var entries = Deque<Message>()
    /// The sequence of the oldest message that is still here; equals `next` in an empty log.
    private(set) var oldest = 0
    /// Bytes of all messages that are here.
    private(set) var bytes = 0

    /// The sequence that the next message will get.
    var next: Int { oldest + entries.count }
    var count: Int { entries.count }
    var isEmpty: Bool { entries.isEmpty }

    subscript(sequence: Int) -> Message { entries[sequence - oldest] }

    var first: Message? { entries.first }

    /// Gives `message` the next sequence.
    mutating func append(_ message: Message) -> Int {
        let sequence = next
        entries.append(message)
        bytes += message.cost
        return sequence
    }

    /// Puts another message in the place of one that is here.
    mutating func replace(_ sequence: Int, with message: Message) {
        bytes += message.cost - entries[sequence - oldest].cost
        entries[sequence - oldest] = message
    }

    mutating func removeFirst() {
        bytes -= entries.removeFirst().cost
        oldest += 1
    }

    /// Counts the bytes anew.
    /// - Returns: by how much the figure was wrong.
    mutating func recount() -> Int {
        let counted = entries.reduce(0) { $0 + $1.cost }
        defer { bytes = counted }
        return bytes - counted
    }
}
