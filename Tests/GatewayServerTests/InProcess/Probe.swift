import GatewayCore
import Synchronization

@testable import GatewayServer

/// What happened to the probes of a test, in order.
final class ProbeRecord: Sendable {
    struct Entry: Equatable, Sendable {
        let name: Int
        let at: Instant
    }

    private let wakeList = Mutex<[Int]>([])
    private let visitList = Mutex<[Entry]>([])

    /// Names of the woken, in order.
    var wakes: [Int] { wakeList.withLock { $0 } }
    /// Names of the visited, in order.
    var visits: [Entry] { visitList.withLock { $0 } }

    fileprivate func woken(_ name: Int) { wakeList.withLock { $0.append(name) } }

    fileprivate func visited(_ name: Int, at: Instant) { visitList.withLock { $0.append(Entry(name: name, at: at)) } }
}

/// A member of an event loop that does nothing but note what it is called for.
final class Probe: LoopMember {
    let name: Int
    private let record: ProbeRecord
    /// How long after a visit it wants the next one; `nil` for never.
    private let again: Instant.Span?
    /// What it does when it is woken.
    var onWake: (() -> Void)?

    init(_ name: Int, _ record: ProbeRecord, again: Instant.Span? = nil, loop: LoopState) {
        self.name = name
        self.record = record
        self.again = again
        super.init(loop: loop)
    }

    override func wake() {
        record.woken(name)
        onWake?()
    }

    override func visit() -> Instant? {
        record.visited(name, at: loop.now)
        return again.map { loop.now + $0 }
    }
}
