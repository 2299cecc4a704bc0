import GatewayCore
import NIOCore

/// What each transport may send from one event loop, and the connections that wait until it may.
struct LoopEgress {
    /// Whether there is a budget: all that is asked where there is none.
    private(set) var isLimited = false
    private var lines: [Line] = []
    /// The next look at who waits.
    fileprivate var release: (at: Instant, task: Scheduled<Void>)?

    /// The connections of one transport.
    private struct Line {
        var pacer: EgressPacer
        /// Bytes that were sent, and how often a connection was held back.
        var sent = 0
        var heldBack = 0
        /// Who waits, from `first` on; those before have had their turn.
        var waiting: [ConnectionID] = []
        var first = 0

        init(_ pacer: EgressPacer) { self.pacer = pacer }

        var hasWaiting: Bool { first < waiting.count }

        mutating func takeFirst() -> ConnectionID? {
            guard hasWaiting else { return nil }
            let id = waiting[first]
            first += 1
            if first == waiting.count || first > 1024 {
                waiting.removeFirst(first)
                first = 0
            }
            return id
        }
    }

    /// Other rates hold from now on, by transport.
    mutating func grant(_ rates: [Int], burst: Instant.Span, now: Instant) {
        if lines.isEmpty { lines = rates.map { Line(EgressPacer(rate: $0, burst: burst)) } }
        for (index, rate) in rates.enumerated() { lines[index].pacer.change(rate: rate, now) }
        isLimited = true
    }

    /// Whether a connection that comes now may send: there is no debt, and nobody was there before it.
    func mayGo(_ transport: Transport, _ now: Instant) -> Bool {
        let index = Int(transport.rawValue)
        return !lines[index].hasWaiting && lines[index].pacer.mayGo(now)
    }

    mutating func spend(_ bytes: Int, by transport: Transport, _ now: Instant) {
        let index = Int(transport.rawValue)
        lines[index].pacer.spend(bytes, now)
        lines[index].sent += bytes
    }

    mutating func wait(_ id: ConnectionID, _ transport: Transport) {
        let index = Int(transport.rawValue)
        lines[index].waiting.append(id)
        lines[index].heldBack += 1
    }

    /// Whose turn it is, if anybody's.
    mutating func takeFirst(_ transport: Transport, _ now: Instant) -> ConnectionID? {
        let index = Int(transport.rawValue)
        guard lines[index].pacer.mayGo(now) else { return nil }
        return lines[index].takeFirst()
    }

    /// When the first of those who wait has its turn.
    var next: Instant? { lines.lazy.filter(\.hasWaiting).map(\.pacer.next).min() }

    /// What has been counted for one transport; nothing if there is no budget.
    func figures(_ transport: Transport) -> (sent: Int, heldBack: Int, isWaiting: Bool) {
        guard isLimited else { return (0, 0, false) }
        let line = lines[Int(transport.rawValue)]
        return (line.sent, line.heldBack, line.hasWaiting)
    }
}

/// Turns of those who were held back, in the order in which they came: one task of the loop, not one for each.
extension LoopState {
    /// Less is not worth a task: whoever waits has more to send by then.
    private static let leastWait = Instant.Span.milliseconds(5)
    /// Turns before the loop looks at its sockets again.
    private static let turns = 64

    /// S3 has shared out again.
    func grantEgress(_ rates: [Int], burst: Instant.Span) {
        egress.grant(rates, burst: burst, now: Clock.now)
        guard egress.next != nil else { return }
        release()
    }

    /// A connection has something to send, and may not.
    func holdBack(_ id: ConnectionID, _ transport: Transport) {
        egress.wait(id, transport)
        planRelease()
    }

    /// Nobody has another turn.
    func endEgress() {
        egress.release?.task.cancel()
        egress.release = nil
    }

    private func release() {
        endEgress()
        begin()
        for transport in Transport.allCases {
            for turn in 0..<Self.turns {
                guard let id = egress.takeFirst(transport, now) else { break }
                if turn & 31 == 31 { begin() }
                member(id)?.goOn()
            }
        }
        dispatchWakes(except: nil)
        planRelease()
    }

    private func planRelease() {
        guard let next = egress.next else { return }
        // Who may go has not gone because others have had enough turns for now.
        let wait = next <= now ? Instant.Span(nanoseconds: 20_000) : max(next - now, Self.leastWait)
        let at = now + wait
        if let planned = egress.release {
            guard at < planned.at else { return }
            planned.task.cancel()
        }
        let task = eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(wait.nanoseconds)) { [unowned self] in
            egress.release = nil
            release()
        }
        egress.release = (at, task)
    }
}
