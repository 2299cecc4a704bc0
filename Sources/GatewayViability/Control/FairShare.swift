/// Shares one amount among several: max-min fair with floors. Nobody gets more than asked for, nobody less than its floor,
/// and whoever gets less than asked for has no less than anybody whose floor does not say otherwise.
public enum FairShare {
    /// What somebody wants of it.
    public struct Claim: Equatable, Sendable {
        /// What is there for it in any case.
        public var floor: Int
        /// More than this it does not take; never less than the floor.
        public var asked: Int

        /// - Parameters:
        ///   - floor: what is there for it in any case.
        ///   - asked: what it wants; the floor is kept for it where it wants less.
        public init(floor: Int, asked: Int) {
            self.floor = max(0, floor)
            self.asked = max(self.floor, asked)
        }
    }

    /// - Returns: a share for each claim, all of them together `capacity` at the most. Floors that do not fit shrink by the
    ///   same part.
    public static func shares(of capacity: Int, among claims: [Claim]) -> [Int] {
        let capacity = max(0, capacity)
        let floors = fitted(claims.map(\.floor), into: capacity)
        func share(_ index: Int, level: Int) -> Int { max(floors[index], min(level, claims[index].asked)) }
        func sum(_ level: Int) -> Int { claims.indices.reduce(0) { $0 + share($1, level: level) } }
        // The highest water that the capacity holds: what is asked for is no more than `capacity` for one alone.
        var low = 0
        var high = capacity
        while low < high {
            let middle = high - (high - low) / 2
            if sum(middle) <= capacity { low = middle } else { high = middle - 1 }
        }
        var shares = claims.indices.map { share($0, level: low) }
        // Less than one for each is left over, because shares are whole.
        var rest = capacity - shares.reduce(0, +)
        for index in shares.indices where rest > 0 && shares[index] == low && claims[index].asked > low {
            shares[index] += 1
            rest -= 1
        }
        return shares
    }

    private static func fitted(_ floors: [Int], into capacity: Int) -> [Int] {
        let sum = floors.reduce(0.0) { $0 + Double($1) }
        guard sum > Double(capacity) else { return floors }
        return floors.map { Int((Double($0) / sum * Double(capacity)).rounded(.down)) }
    }
}
