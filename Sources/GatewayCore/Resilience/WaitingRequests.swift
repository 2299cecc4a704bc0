/// Requests that wait for leases: served in order of arrival, ended in order of their deadlines, withdrawn in any.
struct WaitingRequests: Sendable {
    private struct Request: Sendable {
        var generation: UInt32
        var count: Int
        var since: Instant
    }

    private var requests: [Request] = []
    private var free: [UInt32] = []
    private var order = LinkedIndices(range: 0)
    private var deadlines = DeadlineHeap()
    /// How many leases they want together.
    private(set) var demand = 0

    /// How many requests wait.
    var count: Int { order.count }
    var isEmpty: Bool { order.isEmpty }
    var soonest: Instant? { deadlines.soonest }

    /// The one that has waited longest.
    var first: (ticket: LeasePool.Ticket, count: Int, since: Instant)? {
        guard let index = order.first else { return nil }
        let request = requests[Int(index)]
        return (ticket(index), request.count, request.since)
    }

    mutating func append(count: Int, deadline: Instant, now: Instant) -> LeasePool.Ticket {
        let index: UInt32
        if let reused = free.popLast() {
            index = reused
            requests[Int(index)].count = count
            requests[Int(index)].since = now
        } else {
            index = UInt32(requests.count)
            requests.append(Request(generation: 0, count: count, since: now))
            order.extendRange()
        }
        order.append(index)
        deadlines.insert(index, at: deadline)
        demand += count
        return ticket(index)
    }

    /// False: it is not waiting any more.
    mutating func remove(_ ticket: LeasePool.Ticket) -> Bool {
        guard Int(ticket.index) < requests.count, requests[Int(ticket.index)].generation == ticket.generation,
            order.contains(ticket.index)
        else { return false }
        deadlines.remove(ticket.index)
        release(ticket.index)
        return true
    }

    mutating func removeFirst() -> LeasePool.Ticket? {
        guard let index = order.first else { return nil }
        let ticket = ticket(index)
        deadlines.remove(index)
        release(index)
        return ticket
    }

    mutating func removeDue(by now: Instant) -> LeasePool.Ticket? {
        guard let index = deadlines.popDue(by: now) else { return nil }
        let ticket = ticket(index)
        release(index)
        return ticket
    }

    private func ticket(_ index: UInt32) -> LeasePool.Ticket {
        LeasePool.Ticket(index: index, generation: requests[Int(index)].generation)
    }

    private mutating func release(_ index: UInt32) {
        order.remove(index)
        demand -= requests[Int(index)].count
        requests[Int(index)].generation &+= 1
        free.append(index)
    }
}
