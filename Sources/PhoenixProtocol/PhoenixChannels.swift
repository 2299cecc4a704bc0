/// The channels that one socket has joined, and what an incoming message means in that state
/// (Phoenix `socket.ex` `handle_in/4`).
public struct PhoenixChannels: Sendable {
    /// A joined channel.
    public struct Channel: Equatable, Sendable {
        public let topic: String
        /// The `join_ref` of the join in its JSON form, `null` if it had none.
        public let joinRef: [UInt8]
    }

    /// What the message's event is to the protocol.
    public enum Kind: Equatable, Sendable {
        case join, leave, other
    }

    /// What to do with a message.
    public enum Action: Equatable, Sendable {
        /// Let the client join; if that succeeds, `joined` must follow. `replacing`: the channel was joined before, and
        /// the old join ends.
        case join(replacing: Channel?)
        /// Refuse: there are as many channels as one socket may have.
        case tooManyChannels
        /// Answer ok, then close the channel.
        case leave(Channel)
        /// Answer ok.
        case leaveUnjoined
        /// Hand the event to the channel.
        case event
        /// Answer "unmatched topic".
        case unmatched
        /// The message belongs to an earlier join: no answer.
        case ignore
    }

    private var channels: [Channel] = []
    private let limit: Int

    /// - Parameter limit: how many channels one socket may join.
    public init(limit: Int) { self.limit = limit }

    public var all: [Channel] { channels }
    public var isEmpty: Bool { channels.isEmpty }

    public func contains(_ topic: String) -> Bool { channels.contains { $0.topic == topic } }

    public func channel(_ topic: String) -> Channel? { channels.first { $0.topic == topic } }

    /// A message has come for `topic`.
    /// - Parameter joinRef: the message's own `join_ref` in its JSON form; `nil` if it has none.
    public func received(_ kind: Kind, topic: String, joinRef: UnsafeRawBufferPointer?) -> Action {
        guard let channel = channel(topic) else {
            switch kind {
            case .join: return channels.count < limit ? .join(replacing: nil) : .tooManyChannels
            case .leave: return .leaveUnjoined
            case .other: return .unmatched
            }
        }
        if kind == .join { return .join(replacing: channel) }
        if let joinRef, !channel.joinRef.elementsEqual(joinRef), channel.hasJoinRef { return .ignore }
        return kind == .leave ? .leave(channel) : .event
    }

    /// A join has succeeded.
    public mutating func joined(_ topic: String, joinRef: [UInt8]) {
        left(topic)
        channels.append(Channel(topic: topic, joinRef: joinRef))
    }

    /// A channel has ended.
    public mutating func left(_ topic: String) {
        channels.removeAll { $0.topic == topic }
    }
}

extension PhoenixChannels.Channel {
    /// Whether the join had a `ref`, so that later messages can be told from those of an earlier join.
    var hasJoinRef: Bool { !joinRef.elementsEqual("null".utf8) }
}
