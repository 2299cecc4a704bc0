import Foundation
import GatewayCore
import Testing

@testable import GatewayServer

extension InProcess {
    struct SlowReaderTests {
        /// Two clients that do not read, and two that do.
        @Test(.timeLimit(.minutes(2)))
        func `who does not read is let go, costs bounded memory, and keeps nobody else waiting`() async throws {
            let settings = settings()
            try await withGateway(settings) { gateway in
                let crowd = try await Self.crowd(gateway)
                defer { crowd.end() }
                let padding = String(repeating: "x", count: 65_000)
                let before = try Self.residentBytes()
                var published = 0
                var worst = 0
                // One after another, so that those who read can follow: what is written to those who do not must
                // stay the same all the time.
                while published < 500 {
                    for _ in 0..<4 {
                        let outcome = try gateway.publish(
                            "{\"topic\":\"t\",\"data\":{\"n\":\(published),\"x\":\"\(padding)\"}}")
                        #expect(outcome.delivered + outcome.queued == 4)
                        published += 1
                    }
                    let count = published
                    let follow = await eventually {
                        crowd.look { $0.filter { !$0.isLazy }.allSatisfy { $0.messages.count == count } }
                    }
                    try #require(follow, "those who read do not get what is published")
                    worst = max(worst, try Self.residentBytes() - before)
                    gateway.directory.forEach { handle in
                        let bytes = handle.session.withLock { $0.storedBytes }
                        #expect(bytes <= settings.session.logBytes)
                    }
                }
                // 33 MB for each of the four were published; the kernel's buffers are not the process's.
                #expect(worst < 24 << 20, "the process grew by \(worst) bytes")
                #expect(await gateway.collect { $0.counters.map(\.slowConsumers) } == [[1, 1]])
                #expect(await eventually { gateway.admission.openConnections == 2 }, "their connections are closed")
                #expect(await gateway.collect { $0.counters.map(\.connections) } == [[1, 1]])
                try await Self.wakeUp(crowd, published: published)
            }
        }

        @Test(.timeLimit(.minutes(5)), arguments: [StreamClient.Kind.eventStream, .webSocket(version: 1)])
        func `who pauses and goes on in time loses nothing`(kind: StreamClient.Kind) async throws {
            try await withGateway { gateway in
                let port = try gateway.port(.http)
                let crowd = try Crowd {
                    [try StreamClient(kind, name: "a", topic: "t", port: port, receiveBuffer: 8192)]
                }
                defer { crowd.end() }
                #expect(await eventually { crowd.look { $0[0].isReady } })
                var published = 0
                for round in 0..<3 {
                    crowd.look { $0[0].isLazy = true }
                    let padding = String(repeating: "x", count: [65_000, 5000, 20_000][round])
                    var more = 0
                    // Until the kernel takes no more, and then some that wait in the log.
                    while more < 4, published < 5000 {
                        try gateway.publish("{\"topic\":\"t\",\"data\":{\"n\":\(published),\"x\":\"\(padding)\"}}")
                        published += 1
                        let sent = await gateway.collect { $0.counters.reduce(0) { $0 + $1.messagesOut } }
                        if sent[0] < published { more += 1 }
                    }
                    #expect(more == 4, "the kernel's buffer was full")
                    crowd.look { $0[0].isLazy = false }
                    let count = published
                    #expect(await eventually { crowd.look { $0[0].messages.count >= count } })
                }
                crowd.look { clients in
                    #expect(clients[0].messages.map(\.number) == Array(0..<published))
                    #expect(clients[0].messages.map(\.sequence) == Array(0..<published))
                    #expect(clients[0].complaints == [])
                    #expect(!clients[0].isClosed)
                }
                #expect(await gateway.collect { $0.counters.map(\.slowConsumers) } == [[0, 0]])
            }
        }

        /// When they read at last they find a beginning without holes, and the end.
        private static func wakeUp(_ crowd: Crowd, published: Int) async throws {
            crowd.look { clients in
                for client in clients { client.isLazy = false }
            }
            #expect(await eventually { crowd.look { $0.count { $0.isClosed } == 2 } })
            crowd.look { clients in
                for client in clients {
                    #expect(client.messages.map(\.sequence) == Array(0..<client.messages.count), "\(client.name)")
                    #expect(client.messages.map(\.number) == Array(0..<client.messages.count), "\(client.name)")
                    #expect(client.isClosed == client.name.hasPrefix("lazy"), "\(client.name)")
                    #expect(client.isClosed == (client.messages.count < published), "\(client.name)")
                    #expect(client.complaints == [])
                }
            }
        }

        private static func crowd(_ gateway: Gateway) async throws -> Crowd {
            let port = try gateway.port(.http)
            let crowd = try Crowd {
                try [
                    StreamClient(.eventStream, name: "eager-1", topic: "t", port: port),
                    StreamClient(.webSocket(version: 2), name: "eager-2", topic: "t", port: port),
                    StreamClient(.eventStream, name: "lazy-1", topic: "t", port: port, receiveBuffer: 4096),
                    StreamClient(.webSocket(version: 2), name: "lazy-2", topic: "t", port: port, receiveBuffer: 4096),
                ]
            }
            #expect(await eventually { crowd.look { $0.allSatisfy(\.isReady) } })
            crowd.look { clients in
                for client in clients where client.name.hasPrefix("lazy") { client.isLazy = true }
            }
            return crowd
        }

        private static func residentBytes() throws -> Int {
            let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
            let pages = try #require(text.split(separator: " ").dropFirst().first.flatMap { Int($0) })
            return pages * Int(getpagesize())
        }
    }
}
