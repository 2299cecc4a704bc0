import Foundation
import GatewayCore
import GatewayStore
import Synchronization

@testable import GatewayServer

/// A store that keeps whoever reads it waiting until it is told not to.
final class SlowStore: MessageStore {
    let memory = MemoryStore()
    private let gate = NSCondition()
    private let isClosed = Mutex(true)
    private let waiting = Atomic<Int>(0)

    /// Calls that wait.
    var waitingLoads: Int { waiting.load(ordering: .acquiring) }

    /// Lets those who wait go on, and everybody after them.
    func openGate() {
        gate.withLock {
            isClosed.withLock { $0 = false }
            gate.broadcast()
        }
    }

    /// What an earlier process would have left: messages numbered from 0.
    func leave(_ count: Int, for name: String, life: Int64) throws {
        guard let client = ClientID(name) else { return }
        let wall = Clock.wall
        let writes = (0..<count).map { number in
            let message = Message.encoded(data: "{\"n\":\(number)}", seed: UInt64(number)) { $0.isDurable = true }
            let place = StorePlace(life: life, sequence: number)
            return StoreWrite(
                message: message, acceptedAt: wall, expiresAt: Timestamp(milliseconds: wall.milliseconds + 600_000),
                deliveries: [.init(client: client, place: place)])
        }
        try memory.commit(StoreBatch(writes: writes))
    }

    func load(_ client: ClientID, now: Timestamp) throws(StoreError) -> StoredSession {
        waiting.add(1, ordering: .acquiringAndReleasing)
        gate.withLock { while isClosed.withLock({ $0 }) { gate.wait() } }
        waiting.subtract(1, ordering: .acquiringAndReleasing)
        return try memory.load(client, now: now)
    }

    var engineName: String { memory.engineName }
    func open(now: Timestamp) throws(StoreError) -> StoreContents { try memory.open(now: now) }
    func commit(_ batch: StoreBatch) throws(StoreError) { try memory.commit(batch) }
    func probe() throws(StoreError) { try memory.probe() }
    func maintain(now: Timestamp) throws(StoreError) -> Bool { try memory.maintain(now: now) }
    var size: Int { memory.size }
    func close() { memory.close() }
}
