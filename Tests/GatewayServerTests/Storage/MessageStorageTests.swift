import GatewayCore
import GatewayStore
import Logging
import NIOCore
import Synchronization
import Testing

@testable import GatewayServer

/// How messages are put into the store: the effect of each key `storage.*` that is no matter of the file.
struct MessageStorageTests {
    /// A storage on a store of its own, and what senders were told.
    private final class Bench: Sendable {
        let store = RecordingStore()
        let storage: MessageStorage
        let answers: Mutex<[Bool]>

        init(_ change: (inout StorageSettings) -> Void) async throws {
            var settings = GatewaySettings()
            change(&settings.storage)
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let box = Box()
            answers = Mutex([])
            storage = MessageStorage(
                store, settings: settings, ledger: IdempotencyLedger(window: .seconds(1), limit: 10), logger: logger
            ) { _, list in box.take(list) }
            box.bench.withLock { $0 = self }
            try await storage.open()
        }

        /// The storage wants to know where answers go before there is a bench.
        private final class Box: Sendable {
            let bench = Mutex<Bench?>(nil)

            func take(_ list: [(AnswerLater, StoredAnswer)]) {
                let bench = bench.withLock { $0 }
                for (_, answer) in list {
                    let isStored = if case .success = answer { true } else { false }
                    bench?.answers.withLock { $0.append(isStored) }
                }
            }
        }

        /// A message to one client, about `size` bytes long.
        func submit(_ number: Int, size: Int = 0) throws {
            let client = try #require(ClientID("bob"))
            let message = Message.encoded(data: "\"" + String(repeating: "x", count: size) + "\"") {
                $0.isDurable = true
            }
            let place = StorePlace(life: 1, sequence: number)
            let write = StoreWrite(
                message: message, acceptedAt: Clock.wall, expiresAt: Timestamp(milliseconds: .max),
                deliveries: [.init(client: client, place: place)])
            storage.submit(
                PendingWrite(
                    write: write, sessions: [], sender: "", id: nil, remembered: .storing, body: [],
                    later: .push(ConnectionID(loop: 0, slot: number, generation: 0), Self.nobody)))
        }

        private static var nobody: ReplyAddress {
            let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
            return ReplyAddress(joinRef: nothing, ref: nothing, topic: nothing)
        }

        var answered: Int { answers.withLock { $0.count } }
    }

    @Test(.timeLimit(.minutes(5)), arguments: [1, 7, 100])
    func `no commit has more messages than batch_size`(size: Int) async throws {
        let bench = try await Bench { $0.batchSize = size }
        bench.store.hold(true)
        for number in 0..<50 { try bench.submit(number) }
        bench.store.hold(false)
        #expect(await eventually { bench.answered == 50 })
        let commits = bench.store.seen.commits
        #expect(commits.reduce(0, +) == 50)
        #expect(commits.allSatisfy { (1...size).contains($0) })
        // The first may have had one or more; what gathered behind it fills whole batches.
        #expect(commits.dropFirst().dropLast().allSatisfy { $0 == size })
        await bench.storage.close()
    }

    @Test(.timeLimit(.minutes(5)))
    func `a commit waits for batch_delay while there is room in it`() async throws {
        let bench = try await Bench { $0.batchDelay = .milliseconds(100) }
        for number in 0..<20 { try bench.submit(number) }
        #expect(await eventually { bench.answered == 20 })
        #expect(bench.store.seen.commits == [20])
        await bench.storage.close()
    }

    @Test(.timeLimit(.minutes(5)))
    func `beyond queue_bytes durable messages are refused until there is room`() async throws {
        let bench = try await Bench { $0.queueBytes = 10_000 }
        bench.store.hold(true)
        #expect(bench.storage.refusal() == nil)
        for number in 0..<9 { try bench.submit(number, size: 800) }
        #expect(bench.storage.refusal() == nil, "nine of about a kilobyte each")
        for number in 9..<12 { try bench.submit(number, size: 800) }
        let problem = try #require(bench.storage.refusal())
        #expect(problem.status == 503 && problem.error == "overloaded" && problem.reason.contains("queue_bytes"))
        bench.store.hold(false)
        #expect(await eventually { bench.answered == 12 && bench.storage.refusal() == nil })
        await bench.storage.close()
    }

    @Test(.timeLimit(.minutes(5)))
    func `housekeeping comes by once in maintenance_interval`() async throws {
        let bench = try await Bench { $0.maintenanceInterval = .seconds(5) }
        let start = Clock.now
        // Twenty seconds of ticks, four a second.
        for tick in 0..<80 {
            let before = bench.store.seen.maintenances
            bench.storage.tick(now: start + .milliseconds(Int64(tick) * 250))
            if tick % 20 == 0 { #expect(await eventually { bench.store.seen.maintenances == before + 1 }) }
        }
        #expect(await eventually { bench.storage.report.queued == 0 })
        #expect(bench.store.seen.maintenances == 4)
        await bench.storage.close()
    }

    @Test(.timeLimit(.minutes(5)))
    func `after a failure writing is tried again once in retry_interval, and then goes on`() async throws {
        let bench = try await Bench { $0.retryInterval = .seconds(3) }
        bench.store.memory.fail(with: StoreError(.full, "on purpose"))
        try bench.submit(0)
        #expect(await eventually { bench.answers.withLock { $0 } == [false] })
        let problem = try #require(bench.storage.refusal())
        #expect(problem.status == 503 && problem.error == "insufficient_resources")
        let start = Clock.now
        bench.storage.tick(now: start)
        #expect(bench.store.seen.probes == 0, "not yet")
        bench.storage.tick(now: start + .seconds(4))
        #expect(await eventually { bench.store.seen.probes == 1 })
        bench.store.memory.fail(with: nil)
        #expect(
            await eventually {
                bench.storage.tick(now: Clock.now + .seconds(8))
                return bench.storage.refusal() == nil
            })
        try bench.submit(1)
        #expect(await eventually { bench.answers.withLock { $0 } == [false, true] })
        await bench.storage.close()
    }
}
