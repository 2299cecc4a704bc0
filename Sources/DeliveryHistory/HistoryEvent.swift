/// Something that a publisher or a client of a gateway saw, with the place in the log file where it stands.
public struct HistoryEvent: Equatable, Sendable {
    /// A line of a history file.
    public struct Place: Hashable, Sendable, CustomStringConvertible {
        public let file: String
        /// Counted from 1.
        public let line: Int

        public init(file: String, line: Int) {
            self.file = file
            self.line = line
        }

        public var description: String { "\(file):\(line)" }
    }

    /// What became of a publish, as its sender knows it.
    public enum Answer: String, Sendable {
        /// The gateway took the message.
        case accepted
        /// The gateway said that it did not.
        case refused
        /// No answer came: both is possible.
        case none
    }

    public enum Kind: Equatable, Sendable {
        /// A message to `client`. Publishes of one publisher are written in the order in which it sent them, each after the
        /// answer to the one before.
        case publish(publisher: String, client: String, id: String, isDurable: Bool, Answer)
        /// A connection was accepted.
        case connect(client: String, connection: String, epoch: String, resume: Position?, recovered: Bool)
        /// A message came.
        case deliver(client: String, connection: String, Position, id: String)
        /// The gateway told that the range will not come.
        case gap(client: String, connection: String, epoch: String, range: ClosedRange<Int>)
        /// The client said that it has everything up to here.
        case acknowledge(client: String, Position)
        case disconnect(client: String, connection: String)
        /// The gateway's process ended without a goodbye: messages may come again in a new epoch.
        case crash
        /// The client has read everything that waited for it.
        case settled(client: String)
    }

    /// A message's place in its client's log: the event id of the contract.
    public struct Position: Hashable, Sendable, CustomStringConvertible {
        public let epoch: String
        public let sequence: Int

        public init(epoch: String, sequence: Int) {
            self.epoch = epoch
            self.sequence = sequence
        }

        /// - Parameter text: `<epoch>-<sequence>`.
        public init?(_ text: String) {
            guard let dash = text.lastIndex(of: "-"), dash > text.startIndex,
                let sequence = Int(text[text.index(after: dash)...])
            else { return nil }
            self.init(epoch: String(text[..<dash]), sequence: sequence)
        }

        public var description: String { "\(epoch)-\(sequence)" }
    }

    public let place: Place
    /// When it was seen, in milliseconds of one clock; orders the events of several files.
    public let at: Double?
    public let kind: Kind

    public init(_ kind: Kind, at: Double? = nil, place: Place) {
        self.place = place
        self.at = at
        self.kind = kind
    }
}
