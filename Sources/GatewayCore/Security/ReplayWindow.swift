/// Which numbers have come already, of numbers that mostly rise (RFC 6479 has the reasons): each is taken once, and what is
/// further behind the highest than the window reaches is taken for a repetition.
public struct ReplayWindow: Sendable, Equatable {
    /// How far behind the highest a number may be.
    public static let size = 64

    private var highest = -1
    /// The bit `n` stands for `highest - n`.
    private var seen: UInt64 = 0

    public init() {}

    /// Takes a number, from 0 on.
    /// - Returns: whether it is new.
    public mutating func take(_ number: Int) -> Bool {
        guard number >= 0 else { return false }
        guard highest >= 0, number <= highest else {
            // The first number of all has nothing behind it.
            let isFar = highest < 0 || number - highest >= Self.size
            seen = isFar ? 1 : seen << UInt64(number - highest) | 1
            highest = number
            return true
        }
        let behind = highest - number
        guard behind < Self.size, seen & (1 << UInt64(behind)) == 0 else { return false }
        seen |= 1 << UInt64(behind)
        return true
    }
}
