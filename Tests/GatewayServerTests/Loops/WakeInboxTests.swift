import Foundation
import GatewayCore
import Testing

@testable import GatewayServer

extension InProcess {
    struct WakeInboxTests {
        @Test(.timeLimit(.minutes(5)))
        func `what many threads post while the loop is busy arrives with one task, each post once`() async throws {
            try await withGateway { gateway in
                let record = ProbeRecord()
                let counting = CountingLoop(gateway.group.next())
                let (inbox, ids) = try await onLoop(gateway) { loop in
                    Self.inbox(loop, counting, record, members: 40)
                }
                let before = counting.tasks
                let isBlocked = DispatchSemaphore(value: 0)
                let goOn = DispatchSemaphore(value: 0)
                gateway.group.next().execute {
                    isBlocked.signal()
                    goOn.wait()
                }
                await onThread { isBlocked.wait() }
                onThreads(4) { thread in
                    for round in 0..<500 { inbox.post([ids[(thread * 10 + round) % 40], ids[thread]]) }
                }
                #expect(record.wakes == [])
                goOn.signal()
                #expect(await eventually { record.wakes.count == 4000 })
                #expect(counting.tasks - before == 1)
                for thread in 0..<4 {
                    #expect(record.wakes.count { $0 == thread } == 550)
                }
            }
        }

        @Test(.timeLimit(.minutes(5)))
        func `while the loop runs every post arrives once, with no more tasks than posts`() async throws {
            try await withGateway { gateway in
                let record = ProbeRecord()
                let counting = CountingLoop(gateway.group.next())
                let (inbox, ids) = try await onLoop(gateway) { loop in
                    Self.inbox(loop, counting, record, members: 8)
                }
                let before = counting.tasks
                onThreads(4) { thread in
                    for _ in 0..<2000 { inbox.post([ids[thread]]) }
                }
                #expect(await eventually { record.wakes.count == 8000 })
                #expect(counting.tasks - before <= 8000)
                for thread in 0..<4 { #expect(record.wakes.count { $0 == thread } == 2000) }
            }
        }

        @Test(.timeLimit(.minutes(5)))
        func `a wake for a connection that has gone reaches nobody, not even who took its place`() async throws {
            try await withGateway { gateway in
                let record = ProbeRecord()
                let counting = CountingLoop(gateway.group.next())
                let (inbox, ids) = try await onLoop(gateway) { loop in
                    Self.inbox(loop, counting, record, members: 3)
                }
                try await onLoop(gateway) { loop in
                    inbox.post([ids[1], ids[2]])
                    // The wake is on its way, and now its connection goes and another comes.
                    guard let gone = loop.member(ids[1]) else { return }
                    loop.leave(gone)
                    loop.enter(Probe(100, record, loop: loop), visitAt: .distantFuture)
                }
                #expect(await eventually { record.wakes.contains(2) })
                #expect(record.wakes == [2])
            }
        }

        /// An inbox of the gateway's loop with members that note their wakes. Runs on the loop.
        private static func inbox(
            _ loop: LoopState, _ counting: CountingLoop, _ record: ProbeRecord, members: Int
        ) -> (WakeInbox, [ConnectionID]) {
            var ids: [ConnectionID] = []
            for name in 0..<members {
                let probe = Probe(name, record, loop: loop)
                loop.enter(probe, visitAt: .distantFuture)
                ids.append(probe.id)
            }
            return (WakeInbox(loop, eventLoop: counting), ids)
        }
    }
}
