/// Deadlines of small numbers, soonest first; any can be withdrawn in logarithmic time, so that nothing stale stays
/// behind when most of what waits is served before its time.
struct DeadlineHeap: Sendable {
    private struct Entry: Sendable {
        var deadline: Instant
        var index: UInt32
    }

    private static let absent = Int32(-1)
    private var entries: [Entry] = []
    /// Where in `entries` a number stands.
    private var places: [Int32] = []

    var isEmpty: Bool { entries.isEmpty }
    var soonest: Instant? { entries.first?.deadline }

    /// Takes out the soonest one when its time has come.
    mutating func popDue(by now: Instant) -> UInt32? {
        guard let first = entries.first, first.deadline <= now else { return nil }
        remove(first.index)
        return first.index
    }

    mutating func insert(_ index: UInt32, at deadline: Instant) {
        while places.count <= Int(index) { places.append(Self.absent) }
        precondition(places[Int(index)] == Self.absent, "It has a deadline already")
        entries.append(Entry(deadline: deadline, index: index))
        places[Int(index)] = Int32(entries.count - 1)
        rise(entries.count - 1)
    }

    mutating func remove(_ index: UInt32) {
        let place = Int(places[Int(index)])
        precondition(place >= 0, "It has no deadline")
        places[Int(index)] = Self.absent
        let last = entries.removeLast()
        guard place < entries.count else { return }
        entries[place] = last
        places[Int(last.index)] = Int32(place)
        rise(place)
        sink(Int(places[Int(last.index)]))
    }

    private mutating func rise(_ start: Int) {
        var place = start
        while place > 0 {
            let parent = (place - 1) / 2
            guard entries[place].deadline < entries[parent].deadline else { return }
            swap(place, parent)
            place = parent
        }
    }

    private mutating func sink(_ start: Int) {
        var place = start
        while true {
            let left = 2 * place + 1
            let right = left + 1
            var least = place
            if left < entries.count, entries[left].deadline < entries[least].deadline { least = left }
            if right < entries.count, entries[right].deadline < entries[least].deadline { least = right }
            guard least != place else { return }
            swap(place, least)
            place = least
        }
    }

    private mutating func swap(_ a: Int, _ b: Int) {
        entries.swapAt(a, b)
        places[Int(entries[a].index)] = Int32(a)
        places[Int(entries[b].index)] = Int32(b)
    }
}
