import GatewayCore
import Testing

@testable import GatewayServer

extension InProcess {
    /// Clients that hold both transports at once.
    struct SwitchTests {
        private static let clients = 8
        private static let messages = 300

        @Test(.timeLimit(.minutes(5)), arguments: 0..<3)
        func `while messages ask for the one or the other transport, each comes once, on one of the two`(
            seed: Int
        ) async throws {
            try await withGateway(settings(eventLoops: 2)) { gateway in
                let port = try gateway.port(.http)
                let crowd = try Crowd {
                    try (0..<(2 * Self.clients)).map { number in
                        try StreamClient(
                            number % 2 == 0 ? .eventStream : .webSocket(version: 2), name: "c\(number / 2)", topic: "t",
                            port: port)
                    }
                }
                defer { crowd.end() }
                #expect(await eventually { crowd.look { $0.allSatisfy(\.isReady) } })
                try await withThrowingTaskGroup { group in
                    for publisher in 0..<2 {
                        group.addTask {
                            try await Self.publish(gateway, publisher, SeededGenerator(seed * 10 + publisher))
                        }
                    }
                    try await group.waitForAll()
                }
                let isComplete = await eventually {
                    crowd.look { clients in
                        (0..<Self.clients).allSatisfy {
                            clients[2 * $0].messages.count + clients[2 * $0 + 1].messages.count >= Self.messages
                        }
                    }
                }
                #expect(isComplete)
                Self.check(crowd)
            }
        }

        private static func publish(_ gateway: Gateway, _ publisher: Int, _ random: SeededGenerator) async throws {
            var random = random
            for number in 0..<(messages / 2) {
                let wish = random.pick(["auto", "auto", "auto", "http_sse", "websocket"])
                let padding = String(repeating: "x", count: random.pick([10, 10, 1000, 9000]))
                let data = "{\"n\":\(2 * number + publisher),\"x\":\"\(padding)\"}"
                let outcome = try gateway.publish("{\"topic\":\"t\",\"transport\":\"\(wish)\",\"data\":\(data)}")
                // In the middle of a switch it waits for a moment.
                #expect(outcome.delivered + outcome.queued == clients)
                if random.oneIn(3) { await Task.yield() }
            }
        }

        private static func check(_ crowd: Crowd) {
            crowd.look { clients in
                var switches = 0
                for client in 0..<Self.clients {
                    let lists = [clients[2 * client].messages, clients[2 * client + 1].messages]
                    for list in lists {
                        let sequences = list.map(\.sequence)
                        #expect(zip(sequences, sequences.dropFirst()).allSatisfy { $0 < $1 }, "client \(client): order")
                    }
                    let all = lists[0] + lists[1]
                    #expect(all.map(\.sequence).sorted() == Array(0..<messages), "client \(client)")
                    #expect(Set(all.map(\.number)) == Set(0..<messages), "client \(client)")
                    switches += lists.allSatisfy { $0.count > 10 } ? 1 : 0
                }
                #expect(switches > 0, "the messages took both ways")
                #expect(clients.flatMap(\.complaints) == [])
                #expect(clients.allSatisfy { !$0.isClosed })
            }
        }
    }
}
