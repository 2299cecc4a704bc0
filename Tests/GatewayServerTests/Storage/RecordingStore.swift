import Foundation
import GatewayCore
import GatewayStore
import Synchronization

/// A store in memory that notes how it is used, and can make the writer wait.
final class RecordingStore: MessageStore {
    struct Record: Sendable {
        /// Messages in each commit.
        var commits: [Int] = []
        var maintenances = 0
        var probes = 0
    }

    let memory = MemoryStore()
    private let record = Mutex(Record())
    private let gate = NSCondition()
    private let isHeld = Mutex(false)

    var seen: Record { record.withLock { $0 } }

    /// Lets commits wait from now on, or go on.
    func hold(_ isHeld: Bool) {
        gate.withLock {
            self.isHeld.withLock { $0 = isHeld }
            gate.broadcast()
        }
    }

    func commit(_ batch: StoreBatch) throws(StoreError) {
        record.withLock { $0.commits.append(batch.writes.count) }
        gate.withLock { while isHeld.withLock({ $0 }) { gate.wait() } }
        try memory.commit(batch)
    }

    func probe() throws(StoreError) {
        record.withLock { $0.probes += 1 }
        try memory.probe()
    }

    func maintain(now: Timestamp) throws(StoreError) -> Bool {
        record.withLock { $0.maintenances += 1 }
        return try memory.maintain(now: now)
    }

    var engineName: String { memory.engineName }
    func open(now: Timestamp) throws(StoreError) -> StoreContents { try memory.open(now: now) }
    func load(_ client: ClientID, now: Timestamp) throws(StoreError) -> StoredSession {
        try memory.load(client, now: now)
    }
    var size: Int { memory.size }
    func close() { memory.close() }
}
