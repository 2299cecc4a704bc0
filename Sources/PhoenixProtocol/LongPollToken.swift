/// What the token of a long-poll session says: everything that a node needs to go on with the session when it has never
/// heard of it. Whoever reads one has checked its signature before.
public struct LongPollToken: Equatable, Sendable {
    /// The session's name, drawn at random.
    public struct Session: Hashable, Sendable {
        public let high: UInt64
        public let low: UInt64

        public init(high: UInt64, low: UInt64) {
            self.high = high
            self.low = low
        }
    }

    /// A channel that is joined.
    public struct Channel: Equatable, Sendable {
        public let topic: String
        /// In its JSON form.
        public let joinRef: [UInt8]

        public init(topic: String, joinRef: [UInt8]) {
            self.topic = topic
            self.joinRef = joinRef
        }
    }

    public var session: Session
    /// Milliseconds since 1970.
    public var expiresAt: Int64
    public var version: PhoenixVersion
    /// The client has everything before this position of its session.
    public var position = 0
    /// The session has ended: it does not go on anywhere.
    public var isEnded = false
    /// Whether `channels` and `topics` are all there are. Tokens have a bound; beyond it a session goes on only where it
    /// is known.
    public var isWhole = true
    /// Whether the client said that it will acknowledge.
    public var acknowledges = false
    /// `delivery=all`
    public var isIndependent = false
    public var clientID = ""
    /// The log that the session is at, and the first sequence that the client lacks.
    public var epoch: UInt64 = 0
    public var nextSequence = 0
    public var channels: [Channel] = []
    /// The topics that the session is subscribed to.
    public var topics: [String] = []

    /// A session that has just begun.
    public init(session: Session, version: PhoenixVersion, expiresAt: Int64) {
        self.session = session
        self.version = version
        self.expiresAt = expiresAt
    }

    /// The most bytes that channels and topics may have together: tokens travel in headers.
    public static let maxListBytes = 2048
    private static let format: UInt8 = 1

    /// The written form.
    public var bytes: [UInt8] {
        var output: [UInt8] = [Self.format]
        let fits =
            channels.reduce(0) { $0 + $1.topic.utf8.count + $1.joinRef.count + 4 }
            + topics.reduce(0) { $0 + $1.utf8.count + 2 } <= Self.maxListBytes
        let flags: [Bool] = [version == .v2, isEnded, isWhole && fits, acknowledges, isIndependent]
        output.append(flags.enumerated().reduce(0) { $0 | ($1.element ? 1 << UInt8($1.offset) : 0) })
        for word in [
            session.high, session.low, UInt64(bitPattern: expiresAt), UInt64(position), epoch, UInt64(nextSequence),
        ] {
            Self.append(word, to: &output)
        }
        Self.append(Array(clientID.utf8), to: &output)
        let channels = fits ? channels : []
        output.append(UInt8(channels.count >> 8))
        output.append(UInt8(channels.count & 0xFF))
        for channel in channels {
            Self.append(Array(channel.topic.utf8), to: &output)
            Self.append(channel.joinRef, to: &output)
        }
        for topic in fits ? topics : [] { Self.append(Array(topic.utf8), to: &output) }
        return output
    }

    /// Reads the written form.
    /// - Returns: `nil` if it is none. Any bytes may be given.
    public init?(_ bytes: [UInt8]) {
        var reader = Reader(rest: bytes[...])
        guard reader.byte() == Self.format, let flags = reader.byte(), flags < 32, let high = reader.word(),
            let low = reader.word(), let expiresAt = reader.word(), let position = reader.number(),
            let epoch = reader.word(), let nextSequence = reader.number(), let clientID = reader.text(),
            let upper = reader.byte(), let lower = reader.byte()
        else { return nil }
        self.init(
            session: Session(high: high, low: low), version: flags & 1 != 0 ? .v2 : .v1,
            expiresAt: Int64(bitPattern: expiresAt))
        isEnded = flags & 2 != 0
        isWhole = flags & 4 != 0
        acknowledges = flags & 8 != 0
        isIndependent = flags & 16 != 0
        self.position = position
        self.epoch = epoch
        self.nextSequence = nextSequence
        self.clientID = clientID
        for _ in 0..<(Int(upper) << 8 | Int(lower)) {
            guard let topic = reader.text(), let joinRef = reader.bytes() else { return nil }
            channels.append(Channel(topic: topic, joinRef: joinRef))
        }
        while !reader.rest.isEmpty {
            guard let topic = reader.text() else { return nil }
            topics.append(topic)
        }
    }

    private static func append(_ word: UInt64, to output: inout [UInt8]) {
        for shift in stride(from: 56, through: 0, by: -8) {
            output.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
        }
    }

    private static func append(_ text: [UInt8], to output: inout [UInt8]) {
        precondition(text.count < 65_536, "A text of a token has two bytes for its length")
        output.append(UInt8(text.count >> 8))
        output.append(UInt8(text.count & 0xFF))
        output.append(contentsOf: text)
    }

    private struct Reader {
        var rest: ArraySlice<UInt8>

        mutating func byte() -> UInt8? { rest.popFirst() }

        mutating func word() -> UInt64? {
            guard rest.count >= 8 else { return nil }
            defer { rest = rest.dropFirst(8) }
            return rest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        }

        mutating func number() -> Int? { word().flatMap { Int(exactly: $0) } }

        mutating func bytes() -> [UInt8]? {
            guard let high = byte(), let low = byte() else { return nil }
            let count = Int(high) << 8 | Int(low)
            guard rest.count >= count else { return nil }
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }

        mutating func text() -> String? { bytes().flatMap { String(validating: $0, as: UTF8.self) } }
    }
}
