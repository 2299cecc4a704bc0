import Foundation
import GatewayCore
import GatewayStore
import Testing

@testable import GatewayServer

extension InProcess {
    /// Everything here runs on one event loop: if it waited for the store, nobody there would get anything.
    struct SlowStoreTests {
        private static func numbers(_ crowd: Crowd, _ index: Int) -> [Int] {
            crowd.look { $0[index].messages.map(\.number) }
        }

        @Test(.timeLimit(.minutes(5)))
        func `whoever waits for the store holds up nobody, and keeps its place`() async throws {
            let store = SlowStore()
            defer { store.openGate() }
            try store.leave(3, for: "bob", life: 1)
            try store.leave(3, for: "eve", life: 2)
            try await withGateway(store: store) { gateway in
                let port = try gateway.port(.http)
                let crowd = try Crowd {
                    [
                        try StreamClient(.eventStream, name: "bob", topic: "t", port: port),
                        try StreamClient(.webSocket(version: 2), name: "eve", topic: "t", port: port),
                        try StreamClient(.eventStream, name: "alice", topic: "t", port: port),
                        try StreamClient(.webSocket(version: 2), name: "dora", topic: "t", port: port),
                    ]
                }
                defer { crowd.end() }
                #expect(await eventually { crowd.look { $0[2].isReady && $0[3].isReady } })
                #expect(await eventually { store.waitingLoads > 0 })
                // Those two are served while the others wait.
                try gateway.publish("{\"topic\":\"t\",\"data\":{\"n\":10}}")
                #expect(await eventually { Self.numbers(crowd, 2) == [10] && Self.numbers(crowd, 3) == [10] })
                crowd.look { #expect(!$0[0].isReady && !$0[1].isReady) }

                // What dora says to alice stands behind what she said to bob, and waits with it.
                crowd.look { clients in
                    clients[3].push("{\"type\":\"x\",\"to\":\"bob\",\"data\":{\"n\":20}}")
                    clients[3].push("{\"type\":\"x\",\"to\":\"alice\",\"data\":{\"n\":21}}")
                    clients[3].push("{\"type\":\"x\",\"to\":\"bob\",\"data\":{\"n\":22}}")
                }
                let counters = { await gateway.collect { $0.counters[Int(Transport.webSocket.rawValue)].messagesIn } }
                #expect(await eventually { await counters() == [5] }, "two joins and three messages have come")
                try gateway.publish("{\"topic\":\"t\",\"data\":{\"n\":11}}")
                #expect(await eventually { Self.numbers(crowd, 2) == [10, 11] && Self.numbers(crowd, 3) == [10, 11] })

                store.openGate()
                #expect(await eventually { Self.numbers(crowd, 0) == [0, 1, 2, 20, 22] })
                #expect(await eventually { Self.numbers(crowd, 1) == [0, 1, 2] })
                #expect(await eventually { Self.numbers(crowd, 2) == [10, 11, 21] })
                #expect(await eventually { crowd.look { $0[3].events.count { $0 == "phx_reply" } == 4 } })
                crowd.look { clients in
                    #expect(clients[0].messages.map(\.sequence) == Array(0..<5))
                    #expect(clients.flatMap(\.complaints) == [])
                }
            }
        }

        @Test(.timeLimit(.minutes(5)))
        func `what cannot be read refuses, begins no session, and is read when that is possible again`() async throws {
            let store = SlowStore()
            store.openGate()
            try store.leave(3, for: "bob", life: 1)
            try await withGateway(store: store) { gateway in
                let port = try gateway.port(.http)
                store.memory.fail(with: StoreError(.failing, "on purpose"))
                let refused = try Crowd {
                    [
                        try StreamClient(.eventStream, name: "bob", topic: "t", port: port),
                        try StreamClient(.webSocket(version: 2), name: "bob", topic: "t", port: port),
                    ]
                }
                defer { refused.end() }
                #expect(await eventually { refused.look { $0.allSatisfy { $0.complaints.count == 1 } } })
                refused.look { clients in
                    #expect(clients[0].complaints[0].hasPrefix("HTTP/1.1 503"))
                    #expect(clients[1].complaints[0].contains("insufficient_resources"))
                }
                #expect(gateway.directory.sessionCount == 0)
                store.memory.fail(with: nil)
                let crowd = try Crowd { [try StreamClient(.eventStream, name: "bob", topic: "t", port: port)] }
                defer { crowd.end() }
                #expect(await eventually { Self.numbers(crowd, 0) == [0, 1, 2] })
            }
        }

        @Test(.timeLimit(.minutes(5)))
        func `a client that only the store knows is known`() async throws {
            let store = SlowStore()
            store.openGate()
            try store.leave(3, for: "bob", life: 1)
            try await withGateway(store: store) { gateway in
                let health = try #require(await gateway.clientHealth(pathPart: "bob"))
                #expect(String(decoding: health, as: UTF8.self).contains("\"stored_messages\":3"))
                #expect(await gateway.clientHealth(pathPart: "nobody") == nil)
                #expect(gateway.directory.sessionCount == 1)
            }
        }

        @Test(.timeLimit(.minutes(5)))
        func `a gateway that stops lets nobody wait`() async throws {
            let store = SlowStore()
            try store.leave(1, for: "bob", life: 1)
            try await withGateway(store: store) { gateway in
                let crowd = try Crowd {
                    [try StreamClient(.webSocket(version: 1), name: "bob", topic: "t", port: try gateway.port(.http))]
                }
                defer { crowd.end() }
                #expect(await eventually { store.waitingLoads == 1 })
                await gateway.drain(deadline: .milliseconds(100))
                store.openGate()
                await gateway.stop()
                #expect(await eventually { crowd.look { $0[0].isClosed } })
            }
        }
    }
}
