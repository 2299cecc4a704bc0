/// What a long-poll session has for its client, and the poll that waits for it.
///
/// Everything has a position, counted from the session's beginning. An answer tells the client, in its token, the position
/// behind what it brings, and the next request says by that token how far the client has come: so much is dropped, and
/// what follows is sent. An answer that never arrived is thereby sent again, and none is taken for received before the
/// client has shown it. A poll is known by a number that its carrier has drawn.
public struct LongPollOutbox: Sendable {
    /// What goes back on a poll.
    public struct Answer: Equatable, Sendable {
        public enum Status: Int, Sendable {
            case messages = 200
            /// The poll's window has passed, or another poll has taken its place.
            case noContent = 204
            /// The session cannot go on from where the client is, or has ended.
            case gone = 410
        }

        public let poll: UInt64
        public let status: Status
        /// The positions that it brings.
        public let positions: Range<Int>
    }

    private struct Entry {
        let text: [UInt8]
        /// The place of the message in the client's log; `nil` for what has none.
        let sequence: Int?
    }

    private var entries: [Entry] = []
    /// The position up to which the client is known to have everything.
    public private(set) var confirmed: Int
    /// Bytes that the client is not known to have.
    public private(set) var bytes = 0
    /// Whether nothing comes any more.
    public private(set) var isEnded = false
    private var waiting: (poll: UInt64, position: Int)?

    /// - Parameter position: where the client is already, when its session goes on here.
    public init(position: Int = 0) { confirmed = position }

    /// The position that the next entry will get.
    public var end: Int { confirmed + entries.count }
    /// Entries that the client is not known to have.
    public var count: Int { entries.count }
    /// Whether a poll waits.
    public var isWaiting: Bool { waiting != nil }

    /// Adds something for the client.
    /// - Parameter text: a frame's text as a JSON string.
    public mutating func append(_ text: [UInt8], sequence: Int?) {
        entries.append(Entry(text: text, sequence: sequence))
        bytes += text.count
    }

    /// Nothing comes any more.
    public mutating func finish() { isEnded = true }

    /// A poll has come from a client that has everything before `position`. What it gets is told by `answer`.
    /// - Returns: the answer to an older poll, whose place it takes, or to this one if the client cannot go on from there.
    public mutating func poll(_ poll: UInt64, from position: Int) -> Answer? {
        guard confirm(position) else {
            return Answer(poll: poll, status: .gone, positions: end..<end)
        }
        defer { waiting = (poll, position) }
        return waiting.map { Answer(poll: $0.poll, status: .noContent, positions: $0.position..<$0.position) }
    }

    /// A request has shown that the client has everything before `position`.
    /// - Returns: whether the client can go on from there: not if it has told more already, or never was there.
    @discardableResult
    public mutating func confirm(_ position: Int) -> Bool {
        guard position >= confirmed, position <= end else { return false }
        let dropped = position - confirmed
        for entry in entries.prefix(dropped) { bytes -= entry.text.count }
        entries.removeFirst(dropped)
        confirmed = position
        if let poll = waiting?.poll { waiting = (poll, max(waiting?.position ?? position, position)) }
        return true
    }

    /// The answer to the waiting poll, if there is something to tell.
    public mutating func answer() -> Answer? {
        guard let (poll, position) = waiting, position < end || isEnded else { return nil }
        waiting = nil
        return Answer(poll: poll, status: position < end ? .messages : .gone, positions: position..<end)
    }

    /// The window of a poll has passed.
    public mutating func windowPassed(_ poll: UInt64) -> Answer? {
        guard let waiting, waiting.poll == poll else { return nil }
        self.waiting = nil
        return Answer(poll: poll, status: .noContent, positions: waiting.position..<waiting.position)
    }

    /// The connection of a poll has gone.
    public mutating func cancel(_ poll: UInt64) {
        if waiting?.poll == poll { waiting = nil }
    }

    /// Takes the poll that waits, if any: the session ends for reasons of its own.
    public mutating func abandon() -> Answer? {
        guard let waiting else { return nil }
        return windowPassed(waiting.poll)
    }

    /// The lowest sequence among what follows `position`: where the log goes on for a client that has everything before.
    public func sequence(from position: Int) -> Int? {
        entries.dropFirst(position - confirmed).lazy.compactMap(\.sequence).min()
    }

    /// The texts at `positions`, which must not be confirmed yet.
    public func texts(_ positions: Range<Int>) -> some Sequence<[UInt8]> {
        entries[(positions.lowerBound - confirmed)..<(positions.upperBound - confirmed)].lazy.map(\.text)
    }
}
