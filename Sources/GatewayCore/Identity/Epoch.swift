/// The identity of one log: a random number drawn when the log begins, written in base 36.
public struct Epoch: Hashable, Sendable, CustomStringConvertible {
    public let value: UInt64

    public init(_ value: UInt64) { self.value = value }

    /// The longest written form of a 64-bit number in base 36.
    public static let maxLength = 13

    /// Reads the written form.
    public init?(_ text: some StringProtocol) {
        guard !text.isEmpty, text.utf8.count <= Self.maxLength, text.utf8.first != UInt8(ascii: "+"),
            let value = UInt64(text, radix: 36)
        else { return nil }
        self.value = value
    }

    public var description: String { String(value, radix: 36) }

    /// Writes the base-36 form.
    /// - Returns: the number of bytes written, at most `maxLength`.
    public func write(to out: UnsafeMutablePointer<UInt8>) -> Int {
        var digits: InlineArray<13, UInt8> = .init(repeating: 0)
        var rest = value
        var count = 0
        repeat {
            let digit = UInt8(truncatingIfNeeded: rest % 36)
            digits[count] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
            rest /= 36
            count += 1
        } while rest > 0
        for i in 0..<count { out[i] = digits[count - 1 - i] }
        return count
    }
}

/// A place in one client's log: `<epoch>-<sequence>`. `-1` is the place before the first message.
public struct EventID: Hashable, Sendable, CustomStringConvertible {
    public let epoch: Epoch
    public let sequence: Int

    public init(epoch: Epoch, sequence: Int) {
        self.epoch = epoch
        self.sequence = sequence
    }

    public var description: String { "\(epoch)-\(sequence)" }
}

/// What a client says of where its connection shall start.
public enum ResumePoint: Hashable, Sendable {
    /// Nothing: at the oldest durable message that is not done, else live.
    case none
    /// `resume=auto`: after the last acknowledged, else after the last delivered message.
    case automatic
    /// After an event id.
    case after(EventID)
    /// After a bare sequence of the present epoch.
    case afterSequence(Int)
    /// An id that this gateway cannot have given.
    case foreign

    /// Reads an event id or a bare sequence as a client sent it. The empty text means that the client has none, as
    /// browsers have it.
    public init(text: String) {
        if text.isEmpty {
            self = .none
        } else if let sequence = Self.sequence(text[...]) {
            self = .afterSequence(sequence)
        } else if let dash = text.firstIndex(of: "-"), let epoch = Epoch(text[..<dash]),
            let sequence = Self.sequence(text[text.index(after: dash)...])
        {
            self = .after(EventID(epoch: epoch, sequence: sequence))
        } else {
            self = .foreign
        }
    }

    /// Whether the client named a place, itself or through `resume=auto`.
    public var isExplicit: Bool { self != .none }

    private static func sequence(_ text: Substring) -> Int? {
        guard let first = text.utf8.first, first != UInt8(ascii: "+"), let value = Int(text), value >= -1,
            value < Int.max
        else {
            return nil
        }
        return value
    }
}
