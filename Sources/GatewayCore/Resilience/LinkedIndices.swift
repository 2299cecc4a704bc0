/// A queue of small numbers, each at most once, from which any can be taken out in constant time. Its memory is set
/// aside once for a given range and grows only when the range does.
struct LinkedIndices: Sendable {
    private static let none = UInt32.max

    private struct Links: Sendable {
        var previous = LinkedIndices.none
        var next = LinkedIndices.none
        var isMember = false
    }

    private var links: [Links]
    private var head = LinkedIndices.none
    private var tail = LinkedIndices.none
    private(set) var count = 0

    /// - Parameter range: numbers below it may come in.
    init(range: Int) { links = Array(repeating: Links(), count: range) }

    var isEmpty: Bool { count == 0 }
    /// The one that has been in here longest.
    var first: UInt32? { head == Self.none ? nil : head }
    /// The one that came last.
    var last: UInt32? { tail == Self.none ? nil : tail }

    func contains(_ index: UInt32) -> Bool { links[Int(index)].isMember }

    /// The one that came after `index`.
    func after(_ index: UInt32) -> UInt32? {
        let next = links[Int(index)].next
        return next == Self.none ? nil : next
    }

    /// Makes room for one number more.
    mutating func extendRange() { links.append(Links()) }

    mutating func append(_ index: UInt32) {
        precondition(!links[Int(index)].isMember, "It is queued already")
        links[Int(index)] = Links(previous: tail, next: Self.none, isMember: true)
        if tail == Self.none { head = index } else { links[Int(tail)].next = index }
        tail = index
        count += 1
    }

    mutating func remove(_ index: UInt32) {
        let link = links[Int(index)]
        precondition(link.isMember, "It is not queued")
        if link.previous == Self.none { head = link.next } else { links[Int(link.previous)].next = link.next }
        if link.next == Self.none { tail = link.previous } else { links[Int(link.next)].previous = link.previous }
        links[Int(index)] = Links()
        count -= 1
    }
}
