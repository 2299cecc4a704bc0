import GatewayCore
import Testing

@testable import GatewayServer

extension InProcess {
    struct FanOutTests {
        private static let publishers = 4
        private static let perPublisher = 50

        @Test(.timeLimit(.minutes(5)), arguments: [1, 2])
        func `every client of either transport gets every message once and in one order, and a drain lets all go`(
            eventLoops: Int
        ) async throws {
            let settings = settings(eventLoops: eventLoops)
            try await withGateway(settings) { gateway in
                let crowd = try await Self.crowd(gateway, topic: "room:1")
                defer { crowd.end() }
                try await Self.publishAtOnce(gateway, topic: "room:1")

                let total = Self.publishers * Self.perPublisher
                #expect(await eventually { crowd.look { $0.allSatisfy { $0.messages.count >= total } } })
                try Self.check(crowd)

                let before = Clock.now
                await gateway.drain(deadline: .seconds(20))
                #expect(Clock.now - before < .seconds(10), "all went when they were asked to")
                #expect(gateway.admission.openConnections == 0)
                #expect(gateway.addresses.isEmpty)
                #expect(gateway.currentPhase == .draining)
                #expect(await eventually { crowd.look { $0.allSatisfy(\.isClosed) } })
                crowd.look { clients in
                    #expect(clients.allSatisfy { $0.messages.count == total }, "nothing came twice")
                    #expect(clients.allSatisfy { $0.events.contains("gateway_close") })
                    for client in clients where client.kind != .eventStream { #expect(client.closeCode == 1012) }
                    #expect(clients.flatMap(\.complaints) == [])
                }
                // The sessions wait for their clients to come back.
                #expect(gateway.directory.sessionCount == 100)
                for counters in await gateway.collect({ $0.counters }) {
                    #expect(counters.allSatisfy { $0.connections == 0 && $0.slowConsumers == 0 && $0.errors == 0 })
                }
            }
        }

        /// 50 event streams, 25 WebSockets of each version, joined, on all ports that serve them.
        private static func crowd(_ gateway: Gateway, topic: String) async throws -> Crowd {
            let http = try gateway.port(.http)
            let eventStream = try gateway.port(.eventStream)
            let webSocket = try gateway.port(.webSocket)
            let crowd = try Crowd {
                try (0..<100).map { number in
                    let isOwnPort = number % 4 < 2
                    return number < 50
                        ? try StreamClient(
                            .eventStream, name: "c\(number)", topic: topic, port: isOwnPort ? eventStream : http)
                        : try StreamClient(
                            .webSocket(version: 1 + number % 2), name: "c\(number)", topic: topic,
                            port: isOwnPort ? webSocket : http)
                }
            }
            let isReady = await eventually { crowd.look { $0.allSatisfy(\.isReady) } }
            #expect(isReady)
            // A stream is told that it is connected before its thread has entered the topic's list.
            #expect(
                await eventually {
                    var count = 0
                    gateway.topics.withMembers(topic) { count = $0.count }
                    return count == 100
                })
            return crowd
        }

        private static func publishAtOnce(_ gateway: Gateway, topic: String) async throws {
            try await withThrowingTaskGroup { group in
                for publisher in 0..<publishers {
                    group.addTask {
                        for number in 0..<perPublisher {
                            // Small ones, and some that are shared instead of copied.
                            let padding = String(repeating: "x", count: number % 10 == 9 ? 9000 : 10)
                            let outcome = try gateway.publish(
                                "{\"topic\":\"\(topic)\",\"data\":{\"n\":\(publisher * 1000 + number),\"x\":\"\(padding)\"}}"
                            )
                            #expect(outcome.delivered == 100)
                            #expect(outcome.results.count == 100)
                            if number % 7 == 0 { await Task.yield() }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }

        private static func check(_ crowd: Crowd) throws {
            let total = publishers * perPublisher
            let lists = crowd.look { $0.map(\.messages) }
            let first = try #require(lists.first)
            #expect(first.map(\.sequence) == Array(0..<total))
            for publisher in 0..<publishers {
                let own = first.map(\.number).filter { $0 / 1000 == publisher }
                #expect(
                    own == (0..<perPublisher).map { publisher * 1000 + $0 }, "a publisher's messages keep their order")
            }
            for (client, list) in lists.enumerated() where list != first {
                Issue.record("client \(client) saw another order: \(list.map(\.number)), not \(first.map(\.number))")
            }
        }
    }
}
